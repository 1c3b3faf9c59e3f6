/** Asks again every few milliseconds until `probe` holds; throws after `withinMs`, naming what was waited for. */
export async function until(what: string, probe: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await probe())) {
    if (performance.now() > deadline) throw new Error(`waited ${withinMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}
