const MAX_CHARS = 80;
/** Separators, characters that Windows refuses, controls, format characters (among them the ones that turn text around). */
const UNSAFE = /[\\/:*?"<>|%;,'`$&~#\s\p{C}\p{Z}]+/gu;
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)$/i;

/** A file name that every system takes, from a topic, a field (or null for all) and an extension without dot. */
export function fileNameOf(topic: string, field: string | null, extension: string): string {
  const stem = [topic, field ?? '']
    .map(clean)
    .filter((part) => part !== '')
    .join('_');
  const safe = stem === '' || DEVICE.test(stem) ? `sonde_${stem}`.replace(/_$/, '') : stem;
  return `${safe}.${extension}`;
}

function clean(text: string): string {
  const plain = text.normalize('NFC').replaceAll(UNSAFE, '_').slice(0, MAX_CHARS);
  // The cut may have left half of a surrogate pair.
  return plain.replace(/\p{Surrogate}$/u, '').replaceAll(/^[._-]+|[._-]+$/g, '');
}

/** `Content-Disposition: attachment` with the name in ASCII and, where that loses something, in UTF-8 (RFC 6266, RFC 8187). */
export function attachment(fileName: string): string {
  const ascii = fileName.replaceAll(/[^\x20-\x7e]/gu, '_').replaceAll(/["\\]/g, '_');
  if (ascii === fileName) return `attachment; filename="${ascii}"`;
  const encoded = encodeURIComponent(fileName).replaceAll(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
