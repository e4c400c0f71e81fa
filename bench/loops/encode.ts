/** Encodes messages over and over, in the ways that are compared. */
import { answerSteps } from '../lib/steps.ts'
import { payload } from '../load/payload.ts'
import { ROOM } from '../peers/terms.ts'
import { FRAMES, LINES } from '../../src/dialect/sluice-v1/encode.ts'
import { Encoded } from '../../src/protocol/encoded.ts'
import type { LoggedMessage } from '../../src/protocol/message.ts'

export type Way = 'stringify' | 'reparse' | 'webSocket' | 'json'

export interface EncodeOptions {
  readonly way: Way
  readonly messages: number
}

const OFFSETS = 1000

/** Different ones, so that nothing can be computed once. */
const messages: readonly LoggedMessage[] = Array.from({ length: OFFSETS }, (_, index) => ({
  kind: 'logged',
  channel: ROOM,
  epoch: 'epoch',
  offset: index + 1,
  previous: index,
  id: undefined,
  time: 1_767_225_600_000 + index,
  data: Buffer.from(payload(index)),
  binary: false,
  ack: false,
}))
const parsed = messages.map(({ data }) => JSON.parse(Buffer.from(data).toString()) as unknown)

const WAYS: Readonly<Record<Way, (index: number) => { readonly length: number }>> = {
  stringify: (index) => Buffer.from(frame(index, parsed[index])),
  reparse: (index) => Buffer.from(frame(index, JSON.parse(Buffer.from(message(index).data).toString()))),
  webSocket: (index) => new Encoded(message(index)).as(FRAMES).data,
  json: (index) => new Encoded(message(index)).as(LINES).data,
}

/** Keeps the results alive, so that the work cannot be left out. */
let bytes = 0

answerSteps({
  encode({ way, messages: count }: EncodeOptions): number {
    const encode = WAYS[way]
    const before = process.cpuUsage()
    for (let i = 0; i < count; i++) bytes += encode(i % OFFSETS).length
    const { user, system } = process.cpuUsage(before)
    if (bytes === 0) throw new Error('nothing was encoded')
    return ((user + system) * 1000) / count
  },
})

function message(index: number): LoggedMessage {
  return messages[index] as LoggedMessage
}

function frame(index: number, data: unknown): string {
  const { channel, offset, time } = message(index)
  return JSON.stringify({ type: 'message', channel, offset, time, data })
}
