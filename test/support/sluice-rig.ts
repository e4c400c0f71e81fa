import type { Rig } from '../conformance/connection.suite.ts'
import type { ServerFrame } from '../../src/dialect/sluice-v1/frames.ts'
import { OPTIONS, USER } from './connection-world.ts'
import { sluiceV1 } from './sluice-v1.ts'
import { socketRig } from './socket-rig.ts'

export const sluiceRig: Rig = socketRig({
  dialect: ({ ports }) => sluiceV1(ports, OPTIONS),
  connect: (channels) => [
    JSON.stringify({ type: 'connect', token: USER }),
    ...Object.entries(channels).map(([channel, from], ref) =>
      JSON.stringify({ type: 'subscribe', ref, channel, from }),
    ),
  ],
  received(text) {
    const frame = JSON.parse(text) as ServerFrame
    if (frame.type === 'error') return { type: 'end', code: frame.code }
    if (frame.type === 'reset') return { type: 'reset', channel: frame.channel, reason: frame.reason }
    if (frame.type !== 'message') return undefined
    return { type: 'message', channel: frame.channel, data: frame.data }
  },
})
