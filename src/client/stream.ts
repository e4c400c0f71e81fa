/**
 * `@sluice/client/stream`: a browser's own `EventSource`, which keeps itself in tokens. For pages that only listen and want no library.
 */

export interface StreamOptions {
  /** `https://host/v1/sse?channels=news,sport` */
  readonly url: string
  /** Asked for the first connection, and each time that the gateway has refused the former token. */
  readonly token: () => string | Promise<string>
  /** By the name of the event (`message`, `welcome`, `reset`, …), with its `data` as a value. */
  readonly on: Readonly<Record<string, (data: unknown) => void>>
  /** Between attempts that the gateway refuses, at most. Default: 5,000 ms. */
  readonly pauseMs?: number
}

/** Events that carry an `id:`, which is where to go on from. */
const PLACES = ['message', 'welcome', 'reset']

/** Opens the stream, and again after its last event with a fresh token whenever the browser gives it up. The answer ends it. */
export function connectStream({ url, token, on, pauseMs = 5000 }: StreamOptions): () => void {
  let [source, last, over]: [EventSource | undefined, string, boolean] = [undefined, '', false]
  const open = async (): Promise<void> => {
    const address = new URL(url)
    address.searchParams.set('token', await token())
    if (last !== '') address.searchParams.set('lastEventId', last)
    if (over) return
    source = new EventSource(address)
    source.onerror = ({ target }) => (target as EventSource).readyState === 2 && again()
    const seen = ({ lastEventId }: MessageEvent<string>): unknown => (last = lastEventId || last)
    for (const name of PLACES) source.addEventListener(name, seen)
    for (const [name, listener] of Object.entries(on))
      source.addEventListener(name, ({ data }: MessageEvent<string>) => listener(JSON.parse(data)))
  }
  const again = (): unknown => setTimeout(start, Math.random() * pauseMs)
  const start = (): unknown => over || open().catch(again)
  start()
  return () => {
    over = true
    source?.close()
  }
}
