/** Type tests: this file compiles, with the compiler of this tree and with TypeScript 5.0 (client.test.ts). Nothing runs it. */
import { SluiceClient, WebSocketClient } from '@sluice/client'

interface News {
  readonly title: string
}
interface Chat {
  readonly text: string
}

export function typed(): void {
  const client = new SluiceClient<{ news: News; 'room:${string}': Chat; 'a:${string}:b': number }>({
    url: 'ws://x',
  })
  client.subscribe('news', ({ data }) => data.title)
  client.subscribe('room:1', ({ data }) => data.text)
  client.subscribe('a:1:b', ({ data }) => data.toFixed())
  void client.publish('news', { title: 'x' })
  void client.publish('room:2', { text: 'x' }, { event: 'said' })
  // @ts-expect-error -- a room has no title
  client.subscribe('room:1', ({ data }) => data.title)
  // @ts-expect-error -- no such channel
  client.subscribe('rooms', () => undefined)
  // @ts-expect-error -- not what is published on news
  void client.publish('news', { text: 'x' })
  // @ts-expect-error -- no such channel
  void client.publish('a:1:c', 1)
}

export function untyped(): void {
  const client = new WebSocketClient({ url: 'ws://x' })
  client.subscribe<News>('news', ({ data }) => data.title)
  client.subscribe('anything', ({ data }) => {
    // @ts-expect-error -- unknown
    void data.title
  })
  void client.publish('anything', [1, { a: null }])
}

/** As an index signature. */
export function byIndex(): void {
  const client = new SluiceClient<{ [room: `room:${string}`]: Chat }>({ url: 'ws://x' })
  client.subscribe('room:1', ({ data }) => data.text)
  // @ts-expect-error -- no such channel
  client.subscribe('news', () => undefined)
}
