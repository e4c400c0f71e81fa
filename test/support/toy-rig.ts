import type { Rig } from '../conformance/connection.suite.ts'
import { USER } from './connection-world.ts'
import { socketRig } from './socket-rig.ts'
import { ToyDialect } from './toy-dialect.ts'

export const toyRig: Rig = socketRig({
  dialect: ({ ports }) => new ToyDialect(ports.sessions),
  connect: (channels) => [
    `hello ${USER}`,
    ...Object.entries(channels).map(([channel, from]) => {
      if (from === undefined) return `join ${channel}`
      return 'last' in from
        ? `join ${channel} last ${from.last}`
        : `join ${channel} ${from.epoch} ${from.offset}`
    }),
  ],
  received(text) {
    const [word, channel = '', ...rest] = text.split(' ')
    if (word === 'bye') return { type: 'end', code: rest[0] }
    if (word === 'lost') return { type: 'reset', channel, reason: rest.join(' ') }
    return word === 'msg'
      ? { type: 'message', channel, data: JSON.parse(rest.join(' ')) as unknown }
      : undefined
  },
})
