/**
 * What clients of Pusher send, whatever it is: each frame ends in answers, and nothing is thrown; no event leaves for a channel of
 * another app.
 */
import { bytes, json as someJson, mutated } from './hostile.ts'
import type { Random } from './random.ts'
import { Broken, type Target } from './targets.ts'
import { Apps } from '../../src/dialect/pusher/apps.ts'
import { Cache } from '../../src/dialect/pusher/cache.ts'
import { Places } from '../../src/dialect/pusher/places.ts'
import { Rosters } from '../../src/dialect/pusher/rosters.ts'
import { signatureOf } from '../../src/dialect/pusher/signatures.ts'
import { socketIdOf } from '../../src/dialect/pusher/socket-id.ts'
import { Speaker } from '../../src/dialect/pusher/speaker.ts'
import type { SpeakerPorts } from '../../src/dialect/pusher/speaker-ports.ts'
import { Users } from '../../src/dialect/pusher/users.ts'
import type { Link } from '../../src/dialect/dialect.ts'
import { systemClock } from '../../src/clock.ts'
import { asSluiceError, SluiceError } from '../../src/errors.ts'
import { isInternalChannel } from '../../src/protocol/channel.ts'
import type { Session } from '../../src/session/session.ts'

const DEPTH = 64
const SESSION = 'A'.repeat(32)
const SECRET = 'secret'
const [APP] = new Apps([`1:shop:key:${SECRET}`]).all()
const EVENTS = [
  'pusher:sluice_hello',
  'pusher:subscribe',
  'pusher:unsubscribe',
  'pusher:signin',
  'pusher:ping',
  'client-x',
  'news',
]
const KINDS = ['', 'private-', 'presence-', 'private-encrypted-', 'cache-', '#server-to-user-']
const NAMES = ['a', 'a,b', 'a b', '', '..', 'é', '\uD800', 'chat:a', '../chat', 'x'.repeat(150)]
const DATA = [
  '{"user_id":1}',
  '{"user_id":"ann","user_info":{"a":1}}',
  '{"id":"ann"}',
  '{"user_id":{}}',
  '{',
  '[]',
  '{"id":7}',
  '{"user_id":9007199254740993}',
  '{"user_id":-1e400}',
]

function checkChannel(channel: string): void {
  if (!isInternalChannel(channel) || !channel.startsWith('shop:'))
    throw new Broken('a channel is one of the app')
}

/** Does all that is asked, and looks at what is asked. */
class Client {
  refused = false
  fault: unknown
  readonly #on = new Set<string>()
  readonly session = {
    id: SESSION,
    subscriptionOf: (channel: string) => this.#on.has(channel) || undefined,
    subscribe: async (channel: string, _from: unknown, told: (start: object) => void) => {
      checkChannel(channel)
      told({ position: { epoch: 'e', offset: 1 }, recovered: true })
      this.#on.add(channel)
    },
    unsubscribe: async (channel: string) => {
      checkChannel(channel)
      if (!this.#on.delete(channel)) throw new SluiceError('not_found', 'it is not subscribed to')
    },
    publish: async ({ channel, payload }: { channel: string; payload: { data: Uint8Array } }) => {
      checkChannel(channel)
      JSON.parse(Buffer.from(payload.data).toString())
    },
    refusal: (thrown: unknown) => {
      const error = asSluiceError(thrown)
      if (error.code === 'internal') this.fault = thrown
      return error
    },
  } as unknown as Session
  readonly link = {
    session: this.session,
    introduced: () => undefined,
    end: () => (this.refused = true),
    write: () => undefined,
    say: (frame: string) => {
      JSON.parse(frame)
      this.refused ||= frame.includes('error')
    },
  } as unknown as Link
}

function ports(): SpeakerPorts {
  const last = (): undefined => undefined
  return {
    reception: {
      identify: () => Promise.reject(new Error('nobody has a token')),
      prove: () => Promise.reject(new Error('nobody has a token')),
      connect: async () => undefined,
    },
    cache: new Cache({ last, missed: () => undefined, clock: systemClock }, 1000),
    rosters: new Rosters({
      watch: () => undefined,
      unwatch: () => undefined,
      entered: () => undefined,
      left: () => undefined,
      members: async () => new Map([['ann', undefined]]),
    }),
    places: new Places({
      clock: systemClock,
      count: () => Promise.resolve(new Map()),
      failed: () => undefined,
    }),
    users: new Users({ endedAt: () => Promise.resolve(undefined), failed: () => undefined }),
    counts: undefined,
    clock: systemClock,
  }
}

function positionsOf(random: Random, channel: string): unknown {
  if (random.oneIn(4)) return random.pick(['', [], null, 7])
  return { [channel]: { epoch: random.pick(['e', '', 7]), offset: random.pick([0, 7, -1, 1.5, '1']) } }
}

function frameOf(random: Random): string {
  const channel = random.pick(KINDS) + random.pick(NAMES)
  const said = random.pick(DATA)
  const signed = random.pick([`:${channel}`, `:${channel}:${said}`, `::user::${said}`, 'x'])
  const auth = `key:${signatureOf(SECRET, `${socketIdOf(SESSION)}${signed}`)}`
  const data = random.oneIn(5)
    ? someJson(random)
    : JSON.stringify({
        channel,
        auth,
        channel_data: said,
        user_data: said,
        positions: positionsOf(random, channel),
      })
  const frame = `{"event":"${random.pick(EVENTS)}","channel":${JSON.stringify(channel)},"data":${data}}`
  return random.oneIn(4) ? mutated(random, frame) : frame
}

export const pusher: Target[] = [
  {
    name: 'frames of Pusher',
    share: 2,
    async run(random) {
      const client = new Client()
      const options = {
        ...{ jsonDepthMax: DEPTH, activityTimeoutSeconds: 120, membersMax: 9, clientEvents: true },
        ...{ tokens: random.oneIn(2), watchlists: true },
      }
      if (APP === undefined) throw new Broken('there is an app')
      const speaker = new Speaker(APP, 7, ports(), options)
      speaker.opened(client.link)
      for (let left = 1 + random.int(4); left > 0; left--) {
        const frame = random.oneIn(9) ? bytes(random, 60) : Buffer.from(frameOf(random))
        speaker.received(client.link, new Uint8Array(frame).buffer, random.oneIn(20))
        if (random.oneIn(2)) for (let turn = 0; turn < 12; turn++) await Promise.resolve()
      }
      for (let turn = 0; turn < 12; turn++) await Promise.resolve()
      speaker.gone()
      if (client.fault !== undefined) throw client.fault
      return client.refused ? 'refused' : 'decoded'
    },
  },
]
