/**
 * The last step of each message: to all who are live on its channel, but one whom it excludes. What an exclusion costs does not grow
 * with the number of subscribers, and a message without one costs a comparison.
 */
import type { Fanout, Outlet, TopicMember } from './outlet.ts'
import type { Witness } from '../observe/witness.ts'
import type { Encoded } from '../protocol/encode.ts'
import type { Position } from '../protocol/frames.ts'

export interface TopicMessage {
  readonly channel: string
  readonly bytes: Uint8Array
  readonly binary: boolean
  /** Where who is live stood before it. */
  readonly before: Position | undefined
  /** It is on the topic, and does not get it. */
  readonly except: TopicMember | undefined
}

export interface DeliveryPorts {
  toTopic(message: TopicMessage): void
  /** Who is live on a channel here under this exclusion key. */
  liveOn(channel: string, exclusionKey: string): Outlet | undefined
  readonly witness: Pick<Witness, 'tap'>
  fannedOut(encoded: Encoded, websocket: number, sse: number, poll: number): void
}

export class Delivery {
  readonly #ports: DeliveryPorts

  constructor(ports: DeliveryPorts) {
    this.#ports = ports
  }

  readonly deliver = (fanout: Fanout, encoded: Encoded, before: Position | undefined): void => {
    const exclude = encoded.message.meta?.exclude
    const excluded = exclude === undefined ? undefined : this.#ports.liveOn(fanout.channel, exclude)
    // He stays live: his place is the feed's, which has passed the message.
    const except = excluded?.stepAside(fanout, encoded)
    const native = fanout.nativeCount - (except === undefined ? 0 : 1)
    fanout.messages++
    if (fanout.nativeCount > 0) fanout.bytes += encoded.webSocket.length
    if (native > 0) {
      const { binary } = encoded.message
      this.#ports.toTopic({ channel: fanout.channel, bytes: encoded.webSocket, binary, before, except })
    }
    this.#toStreams(fanout, encoded, native)
    if (except === undefined) excluded?.goLive(fanout)
  }

  #toStreams(fanout: Fanout, encoded: Encoded, native: number): void {
    let sse = 0
    let poll = 0
    if (fanout.streams !== undefined) {
      for (const stream of fanout.streams) {
        if (stream.transport === 'sse') sse += stream.size
        else poll += stream.size
        stream.message(fanout.channel, encoded)
      }
    }
    // A frame has the payload in it; without one, what the payload came in would be kept with it.
    if (native === 0) encoded.unpin()
    this.#ports.fannedOut(encoded, native, sse, poll)
    this.#ports.witness.tap?.fannedOut(fanout.channel, encoded)
  }
}
