/**
 * `@sluice/client/probe`: lets the gateway measure how long its messages take until this client has handled them. A part of its own, so
 * that whoever does not want it does not load it.
 */
import type { ProbeReplyFrame } from '../dialect/sluice-v1/frames.ts'

/** What is needed of a client: any of this package will do. */
export interface ProbeClient {
  readonly state: string
  on(event: 'welcome', listener: () => void): () => void
  ask(request: { readonly type: 'probe'; readonly channel: string }): Promise<unknown>
}

export interface ProbeOptions {
  /** The part of all clients that take part, drawn for each at the call. Default: 0.01. */
  readonly share?: number
}

/** After each connection the clients begin spread over this time. */
const BEGIN_MS = 30_000

/**
 * Takes part for a channel that is subscribed: now and then the gateway answers right behind a message of it, and what this
 * client says then acknowledges that it has handled everything before. Answers what ends it. Says nothing of any message.
 */
export function probe(client: ProbeClient, channel: string, { share = 0.01 }: ProbeOptions = {}): () => void {
  if (Math.random() >= share) return () => undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  // The one of the connection that serves.
  let round = 0

  const later = (delayMs: number, mine: number): void => {
    clearTimeout(timer)
    timer = setTimeout(() => void ask(mine), delayMs)
  }
  const ask = async (mine: number): Promise<void> => {
    try {
      const { pause } = (await client.ask({ type: 'probe', channel })) as ProbeReplyFrame
      if (mine !== round) return
      if (pause === undefined) await ask(mine)
      else later(pause * (1 + Math.random()), mine)
    } catch {
      // The connection has gone, the channel is not subscribed, or the gateway is of a version without probes: at the next connection.
    }
  }
  const begin = (): void => later(Math.random() * BEGIN_MS, ++round)
  const stop = client.on('welcome', begin)
  if (client.state === 'connected') begin()
  return () => {
    round++
    clearTimeout(timer)
    stop()
  }
}
