/**
 * A value on the bus. A structure and a dictionary entry are arrays of their members, a dictionary an array of
 * entries, `ay` a Buffer. A variant is written as `[signature, value]` and read as its value alone.
 */
export type DBusValue = boolean | number | bigint | string | Buffer | DBusValue[];
