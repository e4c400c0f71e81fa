/**
 * What backends with a library of Centrifuge send, whatever it is: each call ends in an answer, and what is done is what may be done.
 */
import { json as someJson, mutated } from './hostile.ts'
import type { Random } from './random.ts'
import { Broken, type Target } from './targets.ts'
import { ServerApi } from '../../src/dialect/centrifuge/server-api.ts'
import type { ServerApiPorts, ServerCaller } from '../../src/dialect/centrifuge/server-api-ports.ts'
import { asSluiceError } from '../../src/errors.ts'
import { isChannel, isInbox } from '../../src/protocol/channel.ts'
import { isObject, JsonFault, parseJson } from '../../src/protocol/json.ts'

const DEPTH = 64
const INFO_BYTES_MAX = 64
const START = { epoch: 'e', offset: 1 }
const CHANNELS = ['news', 'room:1', '#ann', 'dialog#1,2', '', '..', 'x'.repeat(300), 'unknown:1']
const FIELDS = [
  ...[
    'user',
    'client',
    'session',
    'data',
    'b64data',
    'info',
    'b64info',
    'expire_at',
    'expired',
    'disconnect',
  ],
  ...['whitelist', 'recover_since', 'since', 'limit', 'reverse', 'override', 'pattern', 'tags', 'commands'],
]

function check(kept: boolean, promise: string): void {
  if (!kept) throw new Broken(promise)
}

function checkName(channel: string): void {
  check(isInbox(channel) || isChannel(channel), 'a channel is one')
}

function checkJson(text: string | undefined): void {
  if (text !== undefined)
    check(!text.includes('\n') && parseJson(text, DEPTH + 8) !== undefined, 'it is JSON on a line')
}

const PORTS: ServerApiPorts = {
  async publish({ target, payload }) {
    if ('channel' in target) checkName(target.channel)
    if (!payload.binary) parseJson(Buffer.from(payload.data).toString(), DEPTH + 8)
    return START
  },
  logOf: (channel) => {
    checkName(channel)
    return {
      head: async () => START,
      read: async () => ({ kind: 'range', messages: [], head: START }),
      last: async () => ({ kind: 'range', messages: [], head: START }),
    }
  },
  members: async () => new Map([['ann\u0001c', '{"conn_info":1}']]),
  keepsPresence: (channel) => channel.startsWith('room'),
  forget: async (channel) => checkName(channel),
  async disconnect(user, as) {
    check(user !== '', 'a user has a name')
    check(as === undefined || (as.code >= 3000 && as.code <= 4999), 'a code is an application’s')
  },
  async order(user, { named, but }, order) {
    check(user !== '' && [...named, ...but].every((one) => typeof one === 'string'), 'names are texts')
    if (order.kind === 'expire') check(order.atMs === undefined || order.atMs >= 0, 'a moment is one')
  },
  async putOn(user, { channels }, { data, info, untilMs, from }) {
    check(user !== '', 'a user has a name')
    for (const channel of channels) check(isChannel(channel), 'nobody is put on an inbox')
    checkJson(data)
    checkJson(info)
    check(
      Buffer.byteLength(info ?? '') <= INFO_BYTES_MAX,
      'what is said of a user is not larger than it may be',
    )
    check(untilMs === undefined || untilMs > 0, 'an end is a moment')
    for (const { offset } of Object.values(from ?? {})) check(offset >= 0, 'a place is one')
  },
  async takeOff(_user, { channels }) {
    for (const channel of channels) check(isChannel(channel), 'nobody is taken off an inbox')
  },
  occupied: async () => new Map([['news', 1]]),
  nodes: async () => [],
}

const CALLER: ServerCaller = {
  traceparent: undefined,
  checkScope: () => undefined,
  checkChannel: checkName,
  maySee: () => true,
  acted: () => undefined,
}

const API = new ServerApi(PORTS, {
  batchMax: 5,
  infoBytesMax: INFO_BYTES_MAX,
  knows: (channel) => !channel.startsWith('unknown:'),
  now: () => 0,
})

const METHODS = [...Object.keys(API.methods), 'toString', '']

function paramsText(random: Random): string {
  const channel = random.oneIn(6) ? someJson(random) : JSON.stringify(random.pick(CHANNELS))
  const user = random.oneIn(6) ? someJson(random) : '"ann"'
  const fields = FIELDS.filter(() => random.oneIn(4)).map((name) => `"${name}":${valueText(random, name)}`)
  return `{"channel":${channel},"channels":[${channel}],"user":${user}${fields.map((one) => `,${one}`).join('')}}`
}

function valueText(random: Random, name: string): string {
  if (random.oneIn(3)) return someJson(random)
  if (name === 'disconnect') return `{"code":${random.int(6000)},"reason":${someJson(random)}}`
  if (name === 'recover_since' || name === 'since') return `{"offset":${random.int(9) - 2},"epoch":"e"}`
  if (name === 'override') return `{"presence":{"value":${random.oneIn(2)}},"recover":${someJson(random)}}`
  if (name.startsWith('b64')) return JSON.stringify(Buffer.from(someJson(random)).toString('base64'))
  return name === 'expire_at' ? String(random.int(1e9) - 9) : someJson(random)
}

export const centrifugeApi: Target[] = [
  {
    name: 'calls of backends of Centrifuge',
    share: 2,
    async run(random) {
      const text = random.oneIn(4) ? mutated(random, paramsText(random)) : paramsText(random)
      let params: unknown
      try {
        params = parseJson(text, DEPTH)
      } catch (error) {
        if (!(error instanceof JsonFault)) throw error
      }
      if (!isObject(params)) return 'refused'
      const method = random.pick(METHODS)
      const raw = text
      const answered = random.oneIn(2)
        ? await API.answer(method, { caller: CALLER, params, raw })
        : await API.answerLines([{ method, params, raw }], CALLER).catch((error: unknown) => {
            if (asSluiceError(error).code === 'internal') throw error
            return '{"error":{}}'
          })
      const { result, error } = parseJson(answered, DEPTH + 16) as { result?: unknown; error?: unknown }
      check((result === undefined) !== (error === undefined), 'an answer is a result or an error')
      return error === undefined ? 'decoded' : 'refused'
    },
  },
]
