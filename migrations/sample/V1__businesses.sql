create table businesses (
    id bigserial primary key,
    name text not null,
    category text,
    phone text,
    email text,
    address text,
    city text,
    country text,
    website text,
    description text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz
);

create index businesses_name_idx on businesses (name);
create index businesses_category_idx on businesses (category);
create index businesses_email_idx on businesses (email);
create index businesses_city_idx on businesses (city);
create index businesses_country_idx on businesses (country);
create index businesses_deleted_at_idx on businesses (deleted_at);
