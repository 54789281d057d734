//! What a sample workbook shall hold.
