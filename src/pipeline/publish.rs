//! What is made before the first row, and put in place after the last one.

use tokio_postgres::{Client, Transaction};

use super::route::{Before, Publish, Rehearsed, Route};
use super::target::Target;
use crate::config::commit::Upsert;
use crate::db::ddl::{self, ColumnChange, NewTable};
use crate::db::merge::{self, Merge, Merged};
use crate::db::replace;
use crate::db::truncate::truncate;
use crate::error::{Error, Result};
use crate::model::column::TargetColumn;
use crate::model::report::Replaced;
use crate::model::table::TableName;

/// What a staging table is, for whoever comes across one.
const STAGING_COMMENT: &str =
    "rows on their way, by sheetload; `sheetload history` shows which load they belong to";

impl Target {
    /// Creates, or empties, what the rows are written to.
    ///
    /// # Errors
    /// What the server says.
    pub(super) async fn prepare(&mut self, client: &Client) -> Result<()> {
        let mut columns = self.written_columns();
        let (name, persistence) = (&self.name, self.persistence);
        let create = async |written: &TableName, columns: &[TargetColumn]| {
            let new = NewTable {
                name: written,
                columns,
                persistence,
                known: name,
            };
            ddl::create_new_table(client, new).await
        };
        match &mut self.route {
            Route::InPlace(Before::Create) | Route::OneTransaction(Before::Create) => {
                create(name, &columns).await?;
            }
            Route::InPlace(before) | Route::OneTransaction(before) => {
                add_columns(client, &self.name, &self.added).await?;
                if *before == Before::Truncate {
                    truncate(client, &self.name).await?;
                }
                return Ok(());
            }
            Route::Staged { staging, publish } => {
                match publish {
                    Publish::Create => create(staging, &columns).await?,
                    Publish::Replace(replacement) => {
                        replacement.create_staging(client, staging).await?;
                        replacement.number_rows(client, staging).await?;
                    }
                    Publish::Merge { creates: true, .. } => {
                        columns.extend(merge::staging_columns());
                        create(staging, &columns).await?;
                    }
                    Publish::Merge { creates: false, .. } => {
                        merge::create_staging(client, staging, &self.name).await?;
                    }
                }
                // The table itself gets them with the rows.
                add_columns(client, staging, &self.added).await?;
                ddl::comment_on_table(client, staging, STAGING_COMMENT).await?;
            }
            Route::Rehearsed { copy, purpose } => {
                match purpose {
                    Rehearsed::NewTable => create(copy, &columns).await?,
                    Rehearsed::InTheTable(_) => {
                        let [ordinal, _] = merge::staging_columns();
                        columns.push(ordinal);
                        // Its constraints are those of the table, which are known.
                        return ddl::create_table(client, copy, &columns).await;
                    }
                    Rehearsed::InPlaceOfRows | Rehearsed::BesideRows => {
                        replace::create_copy(client, copy, &self.name).await?;
                    }
                    Rehearsed::Merge { creates: true, .. } => {
                        columns.extend(merge::staging_columns());
                        create(copy, &columns).await?;
                    }
                    Rehearsed::Merge { creates: false, .. } => {
                        merge::create_staging(client, copy, &self.name).await?;
                    }
                }
                add_columns(client, copy, &self.added).await?;
            }
        }
        self.look_at_written(client).await
    }

    /// How the table's rows are replaced, for the report; `None` where they are not.
    pub(super) fn replaced(&self) -> Option<Replaced> {
        let Route::Staged {
            publish: Publish::Replace(replacement),
            ..
        } = &self.route
        else {
            return None;
        };
        Some(match replacement.because() {
            None => Replaced::Swapped,
            Some(because) => Replaced::Rewritten {
                because: because.to_owned(),
            },
        })
    }

    /// Names in the table that is written, and those by which people know them; the longer ones first.
    pub(super) fn known_as(&self) -> Vec<(String, String)> {
        let Some(staging) = self.route.staging() else {
            return Vec::new();
        };
        let mut known = self.index_names.clone();
        known.push((staging.table.clone(), self.name.table.clone()));
        known
    }

    /// Lets errors name the table, where rows are written to another one first.
    pub(super) fn tell(&self, errors: &mut [Error]) {
        let Some(staging) = self.route.staging() else {
            return;
        };
        for error in errors {
            error.rename_table(&staging.table, &self.name.table);
        }
    }

    /// Puts rows that went through a staging table in place, in the transaction that is open. Gives what became of rows
    /// that were merged.
    ///
    /// # Errors
    /// What the server says: a foreign key or a trigger may refuse the rows only now.
    pub(super) async fn publish(
        &self,
        transaction: &mut Transaction<'_>,
    ) -> Result<Option<Merged>> {
        let Route::Staged { staging, publish } = &self.route else {
            return Ok(None);
        };
        let name = &self.name;
        let columns = self.written_columns();
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        match publish {
            Publish::Create => {
                replace::publish_created(transaction, staging, name).await?;
                Ok(None)
            }
            Publish::Replace(replacement) => {
                if replacement.because().is_some() {
                    let client = transaction.client();
                    add_columns(client, name, &self.added).await?;
                    self.require_like_staged(client, staging, &names).await?;
                }
                let rows = replacement.publish_rows(transaction, staging, &names);
                rows.await
            }
            Publish::Merge { upsert, creates } => {
                let client = transaction.client();
                if *creates {
                    self.create_with_key(client, &columns, upsert).await?;
                } else {
                    add_columns(client, name, &self.added).await?;
                    self.require_like_staged(client, staging, &names).await?;
                }
                let merged = merge_rows(transaction, name, staging, upsert, &names).await?;
                ddl::drop_table(transaction.client(), staging).await?;
                Ok(Some(merged))
            }
        }
    }

    /// Creates the table that rows are merged into.
    pub(super) async fn create_with_key(
        &self,
        client: &Client,
        columns: &[TargetColumn],
        upsert: &Upsert,
    ) -> Result<()> {
        let new = NewTable {
            name: &self.name,
            columns,
            persistence: self.persistence,
            known: &self.name,
        };
        ddl::create_new_table(client, new).await?;
        ddl::add_primary_key(client, &self.name, &upsert.key).await
    }

    /// Removes what [`Self::prepare`] created, if there is nothing of worth in it, and says whether it did.
    ///
    /// # Errors
    /// What the server says.
    pub(super) async fn clean_up(&self, client: &mut Client) -> Result<bool> {
        match &self.route {
            Route::Staged { staging, .. } => ddl::drop_table(client, staging).await.map(|()| true),
            // Whose rows they are does not matter: an attempt before may have committed them, or somebody else.
            Route::InPlace(Before::Create) => ddl::drop_empty_table(client, &self.name).await,
            _ => Ok(false),
        }
    }
}

pub(super) async fn merge_rows(
    transaction: &mut Transaction<'_>,
    table: &TableName,
    staging: &TableName,
    upsert: &Upsert,
    columns: &[String],
) -> Result<Merged> {
    let merge = Merge {
        table,
        staging,
        key: &upsert.key,
        columns,
        on_conflict: upsert.on_conflict,
    };
    merge::merge(transaction, &merge).await
}

pub(super) async fn add_columns(
    client: &Client,
    table: &TableName,
    added: &[TargetColumn],
) -> Result<()> {
    let add = |column: &TargetColumn| ColumnChange::Add {
        column: column.clone(),
    };
    let changes: Vec<ColumnChange> = added.iter().map(add).collect();
    ddl::change_columns(client, table, &changes).await
}
