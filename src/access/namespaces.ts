/** The namespace that exists from the start. */
export const DEFAULT_NAMESPACE = 'default';

/** The world of a namespace, or null when there is no such namespace: then nobody is let into it. */
export function worldOf(namespace: string): string | null {
  return namespace === DEFAULT_NAMESPACE ? DEFAULT_NAMESPACE : null;
}
