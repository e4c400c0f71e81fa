/** Clients that do nothing wrong, while others do: each gets every message, and none of them loses its connection. */
import { once } from 'node:events'
import { get } from 'node:http'
import WebSocket from 'ws'
import { API_KEY, type NodeProcess } from './node-process.ts'
import { patientMs } from '../support/patience.ts'

const CHANNEL = 'honest'
const WEB_SOCKETS = 6
const STREAMS = 2
/** An answer that takes longer is none; a slow machine has a minute too. */
const PATIENCE_MS = patientMs(60_000)

export class Honest {
  /** Connections that ended. */
  lost = 0
  #count = 0
  #ended = false
  #published = 0
  readonly #seen: number[] = []
  #wake: () => void = () => undefined

  get connections(): number {
    return this.#count
  }

  async connect(node: NodeProcess): Promise<void> {
    for (let i = 0; i < WEB_SOCKETS; i++) await this.#webSocket(node, await node.token(`honest-${i}`))
    for (let i = 0; i < STREAMS; i++) await this.#stream(node, await node.token(`honest-stream-${i}`))
  }

  /** Publishes one message. Resolves once all have it. Fails where one does not get it. */
  async hear(node: NodeProcess): Promise<void> {
    const number = ++this.#published
    const answer = await fetch(`http://127.0.0.1:${node.apiPort}/v1/publish`, {
      method: 'POST',
      headers: { authorization: `Bearer ${API_KEY}` },
      body: JSON.stringify({ channel: CHANNEL, data: { number } }),
    })
    if (answer.status !== 200) throw new Error(`an honest publish was answered with ${answer.status}`)
    const deadline = setTimeout(() => this.#wake(), PATIENCE_MS)
    const started = Date.now()
    while (this.#seen.some((seen) => seen < number) && this.lost === 0) {
      if (Date.now() - started >= PATIENCE_MS) throw new Error(`message ${number} did not reach everybody`)
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    clearTimeout(deadline)
  }

  end(): void {
    this.#ended = true
  }

  #member(): { heard: (text: string) => void; gone: () => void } {
    const index = this.#seen.push(0) - 1
    this.#count++
    return {
      heard: (text) => {
        for (const [, number] of text.matchAll(/"data":\{"number":(\d+)\}/g)) {
          // Once each and in order.
          if (Number(number) !== (this.#seen[index] as number) + 1) this.#gone()
          this.#seen[index] = Number(number)
        }
        this.#wake()
      },
      gone: () => this.#gone(),
    }
  }

  #gone(): void {
    if (!this.#ended) this.lost++
    this.#wake()
  }

  async #webSocket(node: NodeProcess, token: string): Promise<void> {
    const socket = new WebSocket(`ws://127.0.0.1:${node.port}/v1/ws`, ['sluice.v1'])
    const member = this.#member()
    let text = ''
    socket.on('message', (data: Buffer) => {
      text = data.toString()
      member.heard(text)
    })
    socket.on('close', member.gone)
    socket.on('error', () => undefined)
    await once(socket, 'open')
    socket.send(JSON.stringify({ type: 'connect', token }))
    socket.send(JSON.stringify({ type: 'subscribe', ref: 1, channel: CHANNEL }))
    while (!text.includes('"subscribed"')) await once(socket, 'message')
  }

  async #stream(node: NodeProcess, token: string): Promise<void> {
    const member = this.#member()
    const request = get(`http://127.0.0.1:${node.port}/v1/sse?channels=${CHANNEL}`, {
      headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' },
      agent: false,
    })
    request.on('error', member.gone)
    const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream]
    let rest = ''
    response.on('data', (chunk: Buffer) => {
      const events = (rest + chunk.toString()).split('\n\n')
      rest = events.pop() ?? ''
      for (const event of events) member.heard(event)
    })
    response.on('end', member.gone)
    response.on('error', () => undefined)
    await once(response, 'data')
  }
}
