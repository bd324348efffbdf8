// error: Table: more breakers than it has room for

static TABLE: cutout_core::Table<u8, u8, 1> = cutout_core::Table::from_array([(1, 1), (2, 2)]);

fn main() {
    let _ = TABLE.get(&1);
}
