//! What is made before the first row, and put in place after the last one.

use tokio_postgres::Client;

use super::route::{Before, Publish, Route};
use super::target::Target;
use crate::db::ddl::{self, ColumnChange};
use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::column::TargetColumn;
use crate::model::table::{TableName, quote_identifier};

impl Target {
    /// Creates, or empties, what the rows are written to.
    ///
    /// # Errors
    /// What the server says.
    pub(super) async fn prepare(&mut self, client: &Client) -> Result<()> {
        match &self.route {
            Route::InPlace(before) | Route::OneTransaction(before) => match before {
                Before::Nothing => return self.add_columns(client, &self.name).await,
                Before::Truncate => {
                    self.add_columns(client, &self.name).await?;
                    return ddl::truncate(client, &self.name).await;
                }
                Before::Create => {
                    ddl::create_table(client, &self.name, &self.written_columns()).await?;
                }
            },
            Route::Staged { staging, publish } => match publish {
                Publish::Create => {
                    ddl::create_table(client, staging, &self.written_columns()).await?;
                }
                Publish::Replace | Publish::Merge(_) => {
                    ddl::create_table_like(client, staging, &self.name).await?;
                    // The table itself gets them with the rows.
                    self.add_columns(client, staging).await?;
                }
            },
        }
        self.look_at_written(client).await
    }

    async fn add_columns(&self, client: &Client, table: &TableName) -> Result<()> {
        let add = |column: &TargetColumn| ColumnChange::Add {
            column: column.clone(),
        };
        let changes: Vec<ColumnChange> = self.added.iter().map(add).collect();
        ddl::change_columns(client, table, &changes).await
    }

    /// Puts rows that went through a staging table in place, in the transaction that is open.
    ///
    /// # Errors
    /// What the server says: a foreign key or a trigger may refuse the rows only now.
    pub(super) async fn publish(&self, client: &Client) -> Result<()> {
        let Route::Staged { staging, publish } = &self.route else {
            return Ok(());
        };
        let name = &self.name;
        let failed = |error| {
            error_from_postgres(error, &format!("replace the rows of {}", name.plain()))
                .in_table(name.plain())
        };
        match publish {
            Publish::Create => ddl::rename_table(client, staging, &name.table).await,
            Publish::Replace => {
                let columns: Vec<String> = self
                    .written_columns()
                    .iter()
                    .map(|column| quote_identifier(&column.name))
                    .collect();
                let columns = columns.join(", ");
                self.add_columns(client, name).await?;
                client
                    .batch_execute(&format!(
                        "truncate {name}; \
                         insert into {name} ({columns}) select {columns} from {staging}; \
                         drop table {staging}"
                    ))
                    .await
                    .map_err(failed)
            }
            Publish::Merge(_) => Err(Error::new(ErrorKind::Internal, "merging is not there yet")),
        }
    }

    /// Removes what [`Self::prepare`] created, if the load left nothing of worth in it, and says whether it did.
    ///
    /// # Errors
    /// What the server says.
    pub(super) async fn clean_up(&self, client: &Client, committed_rows: u64) -> Result<bool> {
        let removed = match &self.route {
            Route::Staged { staging, .. } => staging,
            Route::InPlace(Before::Create) if committed_rows == 0 => &self.name,
            _ => return Ok(false),
        };
        ddl::drop_table(client, removed).await.map(|()| true)
    }
}
