/**
 * What is told of one user to one who follows him: events as lines of JSON, gathered for a moment, and no more than was asked for.
 */
import type { Clock, Timer } from '../clock.ts'
import type { Message } from '../protocol/message.ts'

/** Whom somebody follows, and how much of him. */
export interface Follow {
  readonly id: string
  readonly user: string
  /** For so long from now. */
  readonly forMs: number
  readonly eventsMax: number
  /** Whether what messages say is told too. */
  readonly payloads: boolean
}

/** Each line is an event. */
export type FollowSink = (lines: readonly string[]) => void

export interface RecordingPorts {
  readonly nodeId: string
  readonly clock: Pick<Clock, 'now' | 'after' | 'monotonicMs'>
  readonly sink: FollowSink
  /** Its time is over, or it has told all that it may. */
  readonly over: () => void
}

/** Told together, so that a busy channel is not a control message for each of its own. */
const GATHER_MS = 50
/** Far below what a NATS server takes. */
const GATHERED_BYTES_MAX = 65_536
/** A node tells one who follows no more than this: he reads it, and others are served here. */
const EVENTS_PER_SECOND_MAX = 1000
/** Of the payload of a message. */
const PAYLOAD_BYTES_MAX = 4096

export class Recording {
  readonly user: string
  readonly #payloads: boolean
  readonly #ports: RecordingPorts
  #left: number
  #end: Timer
  #lines: string[] = []
  #bytes = 0
  #gathering: Timer | undefined
  #second = 0
  #inSecond = 0
  #leftOut = 0

  constructor({ user, forMs, eventsMax, payloads }: Follow, ports: RecordingPorts) {
    this.user = user
    this.#payloads = payloads
    this.#left = eventsMax
    this.#ports = ports
    this.#end = ports.clock.after(forMs, () => ports.over())
  }

  renew(forMs: number): void {
    this.#end.cancel()
    this.#end = this.#ports.clock.after(forMs, () => this.#ports.over())
  }

  event(type: string, session: string, fields: object): void {
    if (!this.#hasRoom()) return
    const { nodeId, clock } = this.#ports
    this.#tell(JSON.stringify({ type, at: clock.now(), node: nodeId, session, ...fields }))
    if (--this.#left === 0) this.#ports.over()
  }

  message(session: string, fields: object, { id, from, data, binary }: Message): void {
    const payload = this.#payloads ? payloadOf(data, binary) : {}
    this.event('delivered', session, { ...fields, id, from, bytes: data.length, ...payload })
  }

  /** Tells what is gathered. Idempotent. */
  close(): void {
    this.#end.cancel()
    this.#flush()
    this.#left = 0
  }

  #hasRoom(): boolean {
    if (this.#left <= 0) return false
    const second = Math.floor(this.#ports.clock.monotonicMs() / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#inSecond = 0
    }
    if (++this.#inSecond <= EVENTS_PER_SECOND_MAX) return true
    this.#leftOut++
    // So that it is told even where nothing follows.
    this.#gathering ??= this.#ports.clock.after(GATHER_MS, () => this.#flush())
    return false
  }

  #tell(line: string): void {
    this.#lines.push(line)
    this.#bytes += line.length
    if (this.#bytes > GATHERED_BYTES_MAX) this.#flush()
    else this.#gathering ??= this.#ports.clock.after(GATHER_MS, () => this.#flush())
  }

  #flush(): void {
    this.#gathering?.cancel()
    this.#gathering = undefined
    if (this.#leftOut > 0) {
      const { nodeId, clock } = this.#ports
      this.#lines.push(
        JSON.stringify({ type: 'left out', at: clock.now(), node: nodeId, events: this.#leftOut }),
      )
      this.#leftOut = 0
    }
    const lines = this.#lines
    this.#lines = []
    this.#bytes = 0
    if (lines.length > 0) this.#ports.sink(lines)
  }
}

function payloadOf(data: Uint8Array, binary: boolean): object {
  const shown = Buffer.from(data.buffer, data.byteOffset, Math.min(data.length, PAYLOAD_BYTES_MAX))
  const cut = data.length > PAYLOAD_BYTES_MAX ? { cut: true } : {}
  return binary
    ? { data: shown.toString('base64'), encoding: 'base64', ...cut }
    : { data: shown.toString('utf8'), ...cut }
}
