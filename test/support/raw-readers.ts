/** A reader of channels over each transport that shows the payload of every message as the bytes that came. */
import { get, type ClientRequest } from 'node:http'
import WebSocket from 'ws'
import type { StartedNode } from './start-node.ts'

export interface Payload {
  readonly binary: boolean
  readonly data: string
  /** All else that the message says. */
  readonly envelope: Readonly<Record<string, unknown>>
}

/** What has come on each channel and was not taken yet, in order; `base64` or the JSON text as it was. */
export interface RawReader {
  readonly name: string
  next(channel: string): Promise<Payload>
  close(): void
}

class Inbox {
  readonly #came = new Map<string, Payload[]>()
  readonly #waiting = new Set<() => void>()
  #failure: Error | undefined

  put(channel: string, payload: Payload): void {
    this.#came.set(channel, [...(this.#came.get(channel) ?? []), payload])
    for (const wake of this.#waiting) wake()
  }

  fail(error: Error): void {
    this.#failure ??= error
    for (const wake of this.#waiting) wake()
  }

  async next(channel: string): Promise<Payload> {
    for (;;) {
      const payload = this.#came.get(channel)?.shift()
      if (payload !== undefined) return payload
      if (this.#failure !== undefined) throw this.#failure
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake)
          resolve()
        }
        this.#waiting.add(wake)
      })
    }
  }
}

/** The text of a message as it stands on the wire, cut in two by hand: parsing it would hide what is between its tokens. */
function take(inbox: Inbox, text: string): void {
  const cut = text.indexOf('"data":') + '"data":'.length
  const raw = text.slice(cut, -1)
  const { data: _, ...envelope } = JSON.parse(text) as { channel: string; encoding?: string; data: unknown }
  const binary = envelope.encoding === 'base64'
  inbox.put(envelope.channel, { binary, data: binary ? raw.slice(1, -1) : raw, envelope })
}

export async function readWebSocket(
  node: StartedNode,
  user: string,
  channels: readonly string[],
): Promise<RawReader> {
  const inbox = new Inbox()
  const token = await node.token(user)
  const socket = new WebSocket(`ws://127.0.0.1:${node.port}/v1/ws`, ['sluice.v1'])
  await new Promise<void>((resolve, reject) => {
    let subscribed = 0
    socket.on('open', () => {
      socket.send(JSON.stringify({ type: 'connect', token }))
      for (const [ref, channel] of channels.entries())
        socket.send(JSON.stringify({ type: 'subscribe', ref, channel }))
    })
    socket.on('error', reject)
    socket.on('close', (code) => inbox.fail(new Error(`the WebSocket was closed with ${code}`)))
    socket.on('message', (bytes: Buffer, binary) => {
      try {
        if (binary) {
          const end = 4 + bytes.readUInt32BE(0)
          const envelope = JSON.parse(bytes.toString('utf8', 4, end)) as { channel: string }
          inbox.put(envelope.channel, { binary: true, data: bytes.toString('base64', end), envelope })
          return
        }
        const text = bytes.toString()
        const { type } = JSON.parse(text) as { type: string }
        if (type === 'message') take(inbox, text)
        if (type === 'subscribed' && ++subscribed === channels.length) resolve()
      } catch (error) {
        inbox.fail(error as Error)
      }
    })
  })
  return { name: 'WebSocket', next: (channel) => inbox.next(channel), close: () => socket.terminate() }
}

export async function readSse(
  node: StartedNode,
  user: string,
  channels: readonly string[],
): Promise<RawReader> {
  const inbox = new Inbox()
  const authorization = `Bearer ${await node.token(user)}`
  let request: ClientRequest | undefined
  await new Promise<void>((resolve, reject) => {
    const url = `http://127.0.0.1:${node.port}/v1/sse?channels=${channels.join(',')}`
    request = get(url, { headers: { authorization, accept: 'text/event-stream' } }, (response) => {
      let rest = ''
      response.setEncoding('utf8')
      response.on('error', () => inbox.fail(new Error('the stream was cut')))
      response.on('data', (text: string) => {
        // As the standard has it: a line ends with CR, LF or both, an event with an empty line (HTML, section 9.2.6).
        const events = (rest + text).split(/(?:\r\n|\r|\n){2}/)
        rest = events.pop() as string
        for (const event of events) {
          const lines = event.split(/\r\n|\r|\n/)
          const data = lines
            .filter((line) => line.startsWith('data:'))
            .map((line) => line.slice(5).trimStart())
          if (lines.includes('event: welcome')) resolve()
          try {
            if (lines.includes('event: message')) take(inbox, data.join('\n'))
          } catch (error) {
            inbox.fail(error as Error)
          }
        }
      })
    })
    request.on('error', reject)
  })
  return { name: 'SSE', next: (channel) => inbox.next(channel), close: () => request?.destroy() }
}

/** One poll after the other. `polling` resolves once one waits, as far as the client can know. */
export async function readPoll(
  node: StartedNode,
  user: string,
  channels: readonly string[],
): Promise<RawReader> {
  const inbox = new Inbox()
  const aborts = new AbortController()
  const authorization = `Bearer ${await node.token(user)}`
  const poll = async (wait: number, cursor: string | undefined): Promise<string> => {
    const after = cursor === undefined ? '' : `&cursor=${cursor}`
    const url = `http://127.0.0.1:${node.port}/v1/poll?channels=${channels.join(',')}&wait=${wait}${after}`
    const response = await fetch(url, { headers: { authorization }, signal: aborts.signal })
    const text = await response.text()
    if (response.status !== 200) throw new Error(`a poll was answered with ${response.status}: ${text}`)
    const answer = JSON.parse(text) as { messages: object[]; cursor: string }
    // The messages are the first member, each begins like the next one, and a payload of these tests does not.
    const raw = text.slice('{"messages":['.length, text.lastIndexOf('],"resets":['))
    for (const [index, message] of raw.split(/,(?=\{"type":"message")/).entries())
      if (index < answer.messages.length) take(inbox, message)
    return answer.cursor
  }
  let cursor = await poll(0, undefined)
  const run = async (): Promise<void> => {
    for (;;) cursor = await poll(25, cursor)
  }
  run().catch((error: unknown) => inbox.fail(error as Error))
  return { name: 'poll', next: (channel) => inbox.next(channel), close: () => aborts.abort() }
}
