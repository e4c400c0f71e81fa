/** Texts and bytes as hostile and broken peers send them: nearly right ones, and what is known to hurt readers. */
import type { Random } from './random.ts'

/** About the limit of 64, and what a frame or a body has room for. */
const DEPTHS = [1, 2, 10, 60, 62, 63, 64, 65, 66, 67, 130, 1000]
const DEPTHS_GREAT = [5000, 10_000, 30_000]
const NUMBERS = [
  '0',
  '-0',
  '1',
  '1e400',
  '-1e400',
  '1e-400',
  '9007199254740993',
  '1.5',
  '-1',
  '9'.repeat(400),
]
const TEXTS = [
  '""',
  '"\\ud800"',
  '"\\udfff\\ud800"',
  '"\ud83d"',
  '"\\u0000"',
  '"\\\\\\""',
  '"\ufeff"',
  '"\u2028"',
  '"__proto__"',
  '"constructor"',
  `"${'k'.repeat(300)}"`,
]
const OTHERS = [
  'null',
  'true',
  '[]',
  '{}',
  '[null]',
  '{"":{}}',
  '{"__proto__":{"x":1}}',
  '{"toString":1}',
  'nul',
  '',
  '{"a"}',
]

export function nested(random: Random, depth: number): string {
  const open = random.pick(['[', '{"a":', '[[],', '[{"b":1},'])
  const close = open.startsWith('{') ? '}' : ']'
  return `${open.repeat(depth)}1${close.repeat(depth)}`
}

/** Any JSON, and what is nearly JSON. */
export function json(random: Random): string {
  switch (random.int(12)) {
    case 0:
      return nested(random, random.pick(DEPTHS))
    case 1:
      return random.oneIn(40) ? nested(random, random.pick(DEPTHS_GREAT)) : random.pick(OTHERS)
    case 2:
      return `{"${'k'.repeat(random.int(random.oneIn(50) ? 20_000 : 200))}":${random.pick(NUMBERS)}}`
    case 3:
    case 4:
      return random.pick(NUMBERS)
    case 5:
    case 6:
      return random.pick(TEXTS)
    case 7:
      return `[${Array.from({ length: random.int(6) }, () => json(random)).join(',')}]`
    case 8:
      return `{"a":${json(random)},"b" : ${json(random)}\n}`
    default:
      return random.pick(OTHERS)
  }
}

/** One to three changes: a letter, a cut, a part twice, a part of something else. */
export function mutated(random: Random, text: string): string {
  let changed = text
  for (let changes = 1 + random.int(3); changes > 0; changes--) {
    const at = random.int(changed.length + 1)
    const end = at + random.int(8)
    switch (random.int(6)) {
      case 0:
        changed = changed.slice(0, at) + changed.slice(end)
        break
      case 1:
        changed =
          changed.slice(0, at) +
          String.fromCharCode(random.int(random.oneIn(4) ? 0xffff : 128)) +
          changed.slice(end)
        break
      case 2:
        changed = changed.slice(0, end) + changed.slice(at)
        break
      case 3:
        changed = changed.slice(0, at)
        break
      case 4:
        changed =
          changed.slice(0, at) +
          random.pick(['"', '\\', '{', '}', '[', ']', ',', ':', '\r\n', '\0', '~']) +
          changed.slice(at)
        break
      default:
        changed = changed.slice(0, at) + json(random) + changed.slice(at)
    }
  }
  return changed
}

export function bytes(random: Random, lengthMax: number): Buffer {
  const buffer = Buffer.allocUnsafe(random.int(lengthMax + 1))
  for (let i = 0; i < buffer.length; i++) buffer[i] = random.int(256)
  return buffer
}

/** A few bytes set to others, or the end cut off. */
export function poked(random: Random, packet: Buffer): Buffer {
  const copy = Buffer.from(packet)
  for (let pokes = random.int(5); pokes > 0 && copy.length > 0; pokes--)
    copy[random.int(random.oneIn(2) ? Math.min(40, copy.length) : copy.length)] = random.int(256)
  return random.oneIn(4) ? copy.subarray(0, random.int(copy.length + 1)) : copy
}

type Field = readonly [name: string, good: (random: Random) => string]

const text =
  (...choices: string[]) =>
  (random: Random): string =>
    JSON.stringify(random.pick(choices))
const number = (random: Random): string => String(random.int(1000))
const CHANNELS = text('news', 'chat:1', '@inbox', 'a.b', '@bob', '__proto__', 'a..b', ' ')
const POSITION = (random: Random): string => `{"epoch":"e${random.int(9)}","offset":${number(random)}}`

const FRAME_FIELDS: readonly Field[] = [
  [
    'type',
    text('connect', 'subscribe', 'unsubscribe', 'publish', 'ack', 'auth', 'presence', 'ping', 'toString'),
  ],
  ['ref', number],
  ['channel', CHANNELS],
  ['data', json],
  ['id', text('1', 'id', '\ud800', 'x'.repeat(129))],
  ['token', text('t', 'a.b.c')],
  ['session', text('s')],
  ['offset', number],
  ['from', (random) => (random.oneIn(2) ? POSITION(random) : `{"last":${number(random)}}`)],
  ['resume', (random) => `{${CHANNELS(random)}:${POSITION(random)},"x":${POSITION(random)}}`],
  ['client', () => '{"name":"n","version":"1"}'],
]

const BODY_FIELDS: readonly Field[] = [
  ['channel', CHANNELS],
  ['channels', (random) => `[${CHANNELS(random)},${CHANNELS(random)}]`],
  ['user', text('ann', '', '\ud800', 'x'.repeat(257))],
  ['users', text('ann')],
  ['data', json],
  ['id', text('1', '', 'x'.repeat(129))],
  ['encoding', text('base64', 'utf8')],
]

/** An object of these fields, each there or not, good or hostile, in any order. */
function object(random: Random, fields: readonly Field[], always: number): string {
  const members: string[] = []
  for (const [index, [name, good]] of fields.entries()) {
    if (index >= always && !random.oneIn(3)) continue
    const member = `${JSON.stringify(name)}:${random.oneIn(8) ? json(random) : good(random)}`
    if (random.oneIn(2)) members.push(member)
    else members.unshift(member)
  }
  return `{${members.join(',')}}`
}

export function frame(random: Random): string {
  const whole = object(random, FRAME_FIELDS, 4)
  return random.oneIn(4) ? mutated(random, whole) : whole
}

export function publishBody(random: Random): string {
  const one = (): string => object(random, BODY_FIELDS, 1)
  const whole = random.oneIn(3) ? `[${Array.from({ length: random.int(5) }, one).join(',')}]` : one()
  return random.oneIn(5) ? mutated(random, whole) : whole
}

const TAG = 'AbCdEf_-'

export function cursor(random: Random, owner: string): string {
  const segments = Array.from({ length: random.int(5) }, () =>
    random.pick([
      `${TAG.slice(random.int(3))}x${random.int(99)}.epoch`,
      `${TAG}${random.int(1e9).toString(36)}.e${random.int(9)}`,
      `${TAG}zzzzzzzzzzz.e`,
      `-moved-${random.int(12)}1.node`,
      `-ticket-${random.int(1e6).toString(36)}.${'0123456789abcdef'.slice(random.oneIn(9) ? 1 : 0)}`,
      'x'.repeat(random.int(50)),
    ]),
  )
  const whole = ['1', ...segments, random.oneIn(5) ? TAG : owner].join('~')
  return random.oneIn(2) ? mutated(random, whole) : whole
}
