/**
 * Names that differ also when case does not count, as SQL, Parquet readers and data frames want them: `kT`, then `kt_2`.
 * `taken` are the names that the format uses itself.
 */
export function columnNames(wanted: readonly string[], taken: readonly string[]): string[] {
  const used = new Set(taken.map((name) => name.toLowerCase()));
  return wanted.map((name) => {
    let unique = name;
    for (let n = 2; used.has(unique.toLowerCase()); n++) unique = `${name}_${n}`;
    used.add(unique.toLowerCase());
    return unique;
  });
}
