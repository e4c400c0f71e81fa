/** Where a page keeps texts beyond itself. */
export interface Store {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

/** Of the tab, or of the device. */
export function storeOf(kind: 'session' | 'local'): Store | undefined {
  try {
    return (globalThis as { readonly [name: string]: unknown })[`${kind}Storage`] as Store | undefined
  } catch {
    // A page that may not store anything throws here.
    return undefined
  }
}
