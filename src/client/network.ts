/**
 * What a browser knows about the network and the page, where there is a browser.
 */

interface Target {
  addEventListener?(type: string, listener: (event: { readonly type: string }) => void): void
  removeEventListener?(type: string, listener: (event: { readonly type: string }) => void): void
}

/** What a browser calls it. */
export type Occurrence = 'online' | 'offline' | 'pagehide' | 'pageshow' | 'visibilitychange'

/**
 * Calls back when the network came or went, the page is looked at again, or it is left: timers may have slept and the connection may be
 * dead without a sign. Also when nobody looks at it any more (`isHidden`). The answer stops it. On other platforms nothing happens.
 */
export function watchNetwork(changed: (what: Occurrence, isHidden: boolean) => void): () => void {
  const global = globalThis as unknown as Target & {
    readonly document?: Target & { readonly hidden: boolean }
  }
  const page = global.document
  const listener = ({ type }: { readonly type: string }): void =>
    changed(type as Occurrence, page?.hidden === true)
  const each = (method: 'addEventListener' | 'removeEventListener'): void => {
    // React Native has neither a document nor listeners on the global object.
    for (const type of ['online', 'offline', 'pagehide', 'pageshow']) global[method]?.(type, listener)
    page?.[method]?.('visibilitychange', listener)
  }
  each('addEventListener')
  return () => each('removeEventListener')
}
