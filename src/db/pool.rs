//! stub
use crate::error::Result;
/// stub
#[derive(Debug)]
pub struct Database {
    pool: deadpool_postgres::Pool,
}
impl Database {
    /// stub
    /// # Errors
    /// stub
    pub async fn get(&self) -> Result<deadpool_postgres::Object> {
        self.pool.get().await.map_err(|e| {
            crate::error::Error::new(crate::error::ErrorKind::DatabaseUnreachable, "x").caused_by(e)
        })
    }
}
