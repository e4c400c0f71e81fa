/** Sessions that two nodes take over at the same time, again and again. When all is quiet, each has one connection at most. */
import WebSocket from 'ws'
import type { ServerFrame } from '../../../src/dialect/sluice-v1/frames.ts'
import { Random } from '../../fuzz/random.ts'
import { patientMs } from '../../support/patience.ts'
import type { HistoryWriter } from '../history.ts'
import { PORT } from '../layout.ts'
import { tokenOf } from './population.ts'
import { falls } from './settling.ts'

const COUNT = 4
const LEAST_MS = 1500
const MOST_MS = 5000
const PING_MS = 4000
const SILENT_MS = patientMs(12_000)
const ANSWER_MS = patientMs(10_000)

export interface TwinsOptions {
  readonly gateways: readonly string[]
  readonly history: HistoryWriter
  readonly seed: number
}

interface Twin {
  readonly name: string
  readonly token: string
  session: string | undefined
  readonly open: Set<WebSocket>
}

export class Twins {
  readonly #options: TwinsOptions
  readonly #random: Random
  readonly #loops: Promise<void>[] = []
  readonly #twins: Twin[] = []
  #stopped = false

  constructor(options: TwinsOptions) {
    this.#options = options
    this.#random = new Random(options.seed)
  }

  start(): void {
    for (let index = 0; index < COUNT; index++) this.#loops.push(this.#run(`twin${index}`))
  }

  async settle(stillMs: number): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#loops)
    // Once more, while nothing disturbs anybody.
    await Promise.all(this.#twins.map((twin) => this.#takeOver(twin)))
    for (const { name, open } of this.#twins) {
      await falls(() => Math.max(0, open.size - 1), stillMs)
      this.#options.history.write({ kind: 'session', client: name, connections: open.size })
      for (const socket of open) socket.terminate()
    }
  }

  async #run(name: string): Promise<void> {
    const token = await tokenOf(name, [])
    const twin: Twin = { name, token, session: undefined, open: new Set() }
    this.#twins.push(twin)
    while (!this.#stopped) {
      await this.#takeOver(twin)
      const pauseMs = LEAST_MS + this.#random.int(MOST_MS - LEAST_MS)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }

  /** At two gateways in the same moment. */
  async #takeOver(twin: Twin): Promise<void> {
    const one = this.#random.pick(this.#options.gateways)
    const other = this.#random.pick(this.#options.gateways.filter((gateway) => gateway !== one))
    await Promise.all([one, other].map((gateway) => connectTwin(twin, gateway)))
  }
}

/** Resolves once the gateway has answered, has not in time, or the connection has ended. */
function connectTwin(twin: Twin, gateway: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://${gateway}:${PORT}/v1/ws`, 'sluice.v1')
    let heardMs = performance.now()
    // A connection whose end was lost on the way is none.
    const beat = setInterval(() => {
      if (performance.now() - heardMs > SILENT_MS) socket.terminate()
      else if (socket.readyState === WebSocket.OPEN) socket.send('{"type":"ping"}')
    }, PING_MS)
    const tooLate = setTimeout(() => socket.terminate(), ANSWER_MS)
    socket.on('open', () =>
      socket.send(JSON.stringify({ type: 'connect', token: twin.token, session: twin.session })),
    )
    socket.on('message', (data) => {
      heardMs = performance.now()
      // oxlint-disable-next-line typescript/no-base-to-string -- a text frame's Buffer
      const frame = JSON.parse(data.toString()) as ServerFrame
      if (frame.type !== 'welcome') return
      clearTimeout(tooLate)
      // Of the first two that come without one, one session goes on.
      twin.session ??= frame.session
      if (frame.session === twin.session) twin.open.add(socket)
      else socket.terminate()
      resolve()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearInterval(beat)
      clearTimeout(tooLate)
      twin.open.delete(socket)
      resolve()
    })
  })
}
