/**
 * What a browser knows about the network and the page, where there is a browser.
 */

interface Target {
  addEventListener?(type: string, listener: (event: { readonly type: string }) => void): void
  removeEventListener?(type: string, listener: (event: { readonly type: string }) => void): void
}

/**
 * Calls back when the network came or went, or the page is looked at again: timers may have slept and the connection may be
 * dead without a sign. `back`: there is a network as far as is known. `anew`: there was none before. The answer stops it. On other
 * platforms nothing happens.
 */
export function watchNetwork(changed: (back: boolean, anew: boolean) => void): () => void {
  const global = globalThis as unknown as Target & {
    readonly document?: Target & { readonly hidden: boolean }
  }
  const page = global.document
  const listener = ({ type }: { readonly type: string }): void => {
    if (page?.hidden !== true || type !== 'visibilitychange') changed(type !== 'offline', type === 'online')
  }
  const each = (method: 'addEventListener' | 'removeEventListener'): void => {
    // React Native has neither a document nor listeners on the global object.
    global[method]?.('online', listener)
    global[method]?.('offline', listener)
    page?.[method]?.('visibilitychange', listener)
  }
  each('addEventListener')
  return () => each('removeEventListener')
}
