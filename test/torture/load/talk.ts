/** What the program that makes faults and the one with the clients say to each other: lines of JSON. */
import type { Readable } from 'node:stream'
import { createInterface } from 'node:readline'

export type Order =
  | { readonly do: 'fault'; readonly round: number; readonly name: string; readonly on: boolean }
  | { readonly do: 'ended'; readonly host: string; readonly how: string }
  /** From now on every client shall be shown something new on each of its channels. */
  | { readonly do: 'await recovery'; readonly round: number }
  | { readonly do: 'one more client' }
  /** Stop publishing, let everything arrive, read the logs, end the history. */
  | { readonly do: 'settle' }

export type Word =
  | { readonly said: 'ready' }
  | { readonly said: 'recovered'; readonly round: number }
  | { readonly said: 'note'; readonly text: string }
  | { readonly said: 'settled' }

export interface LoadOptions {
  readonly history: string
  readonly seed: number
  readonly clients: number
  readonly perSecond: number
  readonly gateways: readonly string[]
  readonly nats: readonly string[]
}

export async function* linesOf<Line extends Order | Word>(stream: Readable): AsyncGenerator<Line> {
  for await (const line of createInterface(stream)) if (line !== '') yield JSON.parse(line) as Line
}
