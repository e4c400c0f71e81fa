import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import * as z from 'zod'
import { describe, expect, it } from 'vitest'
import { CHANNELS_QUERY } from '../../../src/api/channel-list.ts'
import { TAIL_QUERY } from '../../../src/api/channel-tail.ts'
import { MESSAGES_QUERY } from '../../../src/api/channels.ts'
import { DRAIN_COMMAND, REBALANCE_WISH } from '../../../src/api/drain.ts'
import { JOB_CHANGE, JOB_WISH, REBALANCE_ALL_WISH } from '../../../src/api/job-wishes.ts'
import { LEVEL_WISH } from '../../../src/api/log-level.ts'
import { bodyOf, parametersOf } from '../../../src/api/openapi-takes.ts'
import { TARGET_WISH } from '../../../src/api/orders.ts'
import { Body, field, maybe, Query } from '../../../src/api/takes.ts'
import { TRACE_QUERY } from '../../../src/api/trace.ts'
import { LETTERS_QUERY } from '../../../src/api/webhooks.ts'
import { SluiceError } from '../../../src/errors.ts'

type AnyBody = Pick<Body<z.ZodObject>, 'schema' | 'readText'>
type AnyQuery = Pick<Query<z.ZodObject>, 'schema' | 'read'>

/** What is read, or what is said against it. */
function outcome(read: () => object): object | string {
  try {
    return read()
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'bad_request') return error.message
    throw error
  }
}

const read = (body: AnyBody, value: unknown): object | string =>
  outcome(() => body.readText(JSON.stringify(value), 64))
const asked = (query: AnyQuery, text: string): object | string =>
  outcome(() => query.read({ query: new URLSearchParams(text) }))

const LABEL = 'must be a text of 1 to 64 of A-Z a-z 0-9 _ . + -'
const PLAN =
  'must be 5%/2m or 5000/30s (so many connections in each time), a total time such as 5m, or fast (as the others take them)'
const FLAG = 'must be true, or be left out'

describe('a body', () => {
  it.each<[string, AnyBody, unknown, object | string]>([
    ['a target', TARGET_WISH, { version: '1.1.0' }, { version: '1.1.0' }],
    ['a target', TARGET_WISH, {}, `version ${LABEL}`],
    ['a target', TARGET_WISH, { version: 1 }, `version ${LABEL}`],
    ['a target', TARGET_WISH, { version: 'a b' }, `version ${LABEL}`],
    ['a target', TARGET_WISH, [], 'the body must be a JSON object, such as {"version":"1.1.0"}'],
    [
      'a target',
      TARGET_WISH,
      { versoin: '1', region: 'eu' },
      '"versoin" is not a field; the fields are version',
    ],
    ['a level', LEVEL_WISH, { level: 'debug' }, { level: 'debug' }],
    ['a level', LEVEL_WISH, { level: 'info', for: '1.5m' }, { level: 'info', for: 90_000 }],
    ['a level', LEVEL_WISH, { for: '1m' }, 'level is one of debug, info, warn, error, silent'],
    ['a level', LEVEL_WISH, { level: 'info', for: '2d' }, 'for is a time from 1s to 1d, such as "10m"'],
    ['a level', LEVEL_WISH, { level: 'info', for: 5000 }, 'for is a time from 1s to 1d, such as "10m"'],
    ['a drain', DRAIN_COMMAND, {}, {}],
    [
      'a drain',
      DRAIN_COMMAND,
      { plan: '5%/2m', paused: false, finish: true, to: 'eu' },
      { plan: '5%/2m', paused: false, finish: true, to: 'eu' },
    ],
    ['a drain', DRAIN_COMMAND, { plan: 5 }, 'plan must be a text'],
    ['a drain', DRAIN_COMMAND, { paused: 'no' }, 'paused must be true or false'],
    ['a drain', DRAIN_COMMAND, { finish: false }, `finish ${FLAG}`],
    ['a drain', DRAIN_COMMAND, { to: null }, 'to must be the name of a region'],
    ['a rebalance', REBALANCE_WISH, { count: 500, plan: '5m' }, { count: 500, plan: '5m' }],
    ...[undefined, 0, 1.5, '5', 2 ** 53].map((count): [string, AnyBody, unknown, string] => [
      'a rebalance',
      REBALANCE_WISH,
      { count },
      'count must be a whole number from 1 on: so many clients are moved',
    ]),
    ['a job', JOB_WISH, {}, { parallel: 1 }],
    [
      'a job',
      JOB_WISH,
      { nodes: ['n1'], version: '1.*', deadline: '20m', reason: 'why', cordon: true, dryRun: true },
      {
        nodes: ['n1'],
        version: '1.*',
        deadline: 1_200_000,
        reason: 'why',
        cordon: true,
        dryRun: true,
        parallel: 1,
      },
    ],
    ...[[], 'n1', [1], [''], {}].map((nodes): [string, AnyBody, unknown, string] => [
      'a job',
      JOB_WISH,
      { nodes },
      'nodes must be a list of ids, or of their beginnings',
    ]),
    ['a job', JOB_WISH, { region: '-eu' }, `region ${LABEL}`],
    ['a job', JOB_WISH, { version: 'a b' }, 'version is 1 to 64 of A-Z a-z 0-9 _ . + -, and * for anything'],
    ['a job', JOB_WISH, { plan: '5' }, `plan ${PLAN}`],
    ['a job', JOB_WISH, { parallel: 65 }, 'parallel must be a whole number from 1 to 64'],
    ['a job', JOB_WISH, { deadline: '999ms' }, 'deadline must be a time from 1s on, such as 20m'],
    ['a job', JOB_WISH, { deadline: '20000' }, 'deadline must be a time from 1s on, such as 20m'],
    ['a job', JOB_WISH, { to: 'e u' }, `to ${LABEL}`],
    ['a job', JOB_WISH, { reason: '' }, 'reason must be a text of 1 to 200 characters'],
    ['a job', JOB_WISH, { cordon: 1 }, `cordon ${FLAG}`],
    ['a job', JOB_WISH, { finish: 'true' }, `finish ${FLAG}`],
    ['a job', JOB_WISH, { dryRun: false }, `dryRun ${FLAG}`],
    [
      'a job',
      JOB_WISH,
      { now: true },
      '"now" is not a field; the fields are nodes, region, version, plan, parallel, deadline, to, reason, cordon, finish, dryRun',
    ],
    ['a change', JOB_CHANGE, { paused: true, parallel: 2 }, { paused: true, parallel: 2 }],
    ['a change', JOB_CHANGE, { paused: 1 }, 'paused must be true or false'],
    ['a change', JOB_CHANGE, { parallel: 0 }, 'parallel must be a whole number from 1 to 64'],
    ['a change', JOB_CHANGE, { plan: '5' }, `plan ${PLAN}`],
    [
      'a rebalance of all',
      REBALANCE_ALL_WISH,
      { region: 'eu', dryRun: true },
      { region: 'eu', dryRun: true },
    ],
    ['a rebalance of all', REBALANCE_ALL_WISH, { dryRun: false }, `dryRun ${FLAG}`],
    ['a rebalance of all', REBALANCE_ALL_WISH, { region: '' }, `region ${LABEL}`],
  ])('of %s is read, or refused by what is wrong: %#', (_what, body, value, expected) => {
    expect(read(body, value)).toEqual(expected)
  })

  it('names a field that objects have by themselves like any other', () => {
    for (const name of ['__proto__', 'constructor', 'toString'])
      expect(outcome(() => TARGET_WISH.readText(`{"${name}":{},"version":"1"}`, 64))).toBe(
        `"${name}" is not a field; the fields are version`,
      )
  })

  it('that is nested too deep, or no JSON, is no object', () => {
    for (const text of ['', '{"version"', `{"version":${'['.repeat(65)}${']'.repeat(65)}}`])
      expect(outcome(() => TARGET_WISH.readText(text, 64))).toMatch(/^the body must be a JSON object/)
  })
})

describe('a query', () => {
  it.each<[string, AnyQuery, string, object | string]>([
    ['messages', MESSAGES_QUERY, '', { limit: 100 }],
    ['messages', MESSAGES_QUERY, 'after=e:7&limit=5&more=1', { after: { epoch: 'e', offset: 7 }, limit: 5 }],
    ['messages', MESSAGES_QUERY, 'last=007&last=x', { last: 7, limit: 100 }],
    ...['7', 'e:', 'e:7:8', ':7', 'e:-1', ''].map((after): [string, AnyQuery, string, string] => [
      'messages',
      MESSAGES_QUERY,
      `after=${after}`,
      'after is <epoch>:<offset>, as a publish or a subscribe answered it',
    ]),
    ...['0', '1001', '1e2', '', '-1', '1.0', ' 1', '0x1'].map((limit): [string, AnyQuery, string, string] => [
      'messages',
      MESSAGES_QUERY,
      `limit=${limit}`,
      'limit is a number from 1 to 1000',
    ]),
    ['messages', MESSAGES_QUERY, 'last=0', 'last is a number from 1 to 1000'],
    ['a tail', TAIL_QUERY, '', { last: 10 }],
    ['a tail', TAIL_QUERY, 'last=1001', 'last is a number from 1 to 1000'],
    ['channels', CHANNELS_QUERY, '', { limit: 100, users: false }],
    [
      'channels',
      CHANNELS_QUERY,
      'prefix=&after=a%3Ab&users=true',
      { prefix: '', after: 'a:b', limit: 100, users: true },
    ],
    ['channels', CHANNELS_QUERY, 'users=1', { limit: 100, users: false }],
    ['channels', CHANNELS_QUERY, 'limit=0', 'limit is a number from 1 to 1000'],
    ['a trace', TRACE_QUERY, '', { for: 60_000, events: 10_000, payloads: false }],
    ['a trace', TRACE_QUERY, 'for=10m&events=5&payloads=true', { for: 600_000, events: 5, payloads: true }],
    ['a trace', TRACE_QUERY, 'for=2h', 'for is a time from 1s to 1h, such as 10m'],
    ['a trace', TRACE_QUERY, 'events=0', 'events is a number from 1 to 100000'],
    ['a trace', TRACE_QUERY, 'payloads=1', 'payloads is true or false'],
    ['letters', LETTERS_QUERY, '', { limit: 100 }],
    ['letters', LETTERS_QUERY, 'limit=1001', 'limit must be a whole number from 1 to 1000'],
  ])('of %s is read, or refused by what is wrong: %#', (_what, query, text, expected) => {
    expect(asked(query, text)).toEqual(expected)
  })

  it('says of the beginning of a name what one is', () => {
    for (const name of ['prefix', 'after'])
      expect(asked(CHANNELS_QUERY, `${name}=@a`)).toMatch(new RegExp(`^${name} is no beginning of a name: `))
  })
})

describe('what is described', () => {
  it('has the rules that can be said, and what they are for', () => {
    const body = new Body('{}', () =>
      z.strictObject({
        some: field(z.int().min(1).max(5).default(2), 'is some', 'How many.'),
        name: field(z.string().regex(/^a+$/), 'is a name'),
        all: maybe(z.literal(true), 'is all'),
      }),
    )
    expect(bodyOf(body)).toEqual({
      type: 'object',
      required: ['name'],
      additionalProperties: false,
      properties: {
        some: { type: 'integer', minimum: 1, maximum: 5, default: 2, description: 'How many.' },
        name: { type: 'string', pattern: '^a+$' },
        all: { type: 'boolean', const: true },
      },
    })
    expect(parametersOf(TRACE_QUERY)).toEqual([
      {
        ...{ name: 'for', in: 'query', required: false, description: 'For how long, such as 10m.' },
        schema: { type: 'string', default: '60s' },
      },
      {
        ...{ name: 'events', in: 'query', required: false, description: 'No more than so many.' },
        schema: { type: 'integer', minimum: 1, maximum: 100_000, default: 10_000 },
      },
      {
        ...{ name: 'payloads', in: 'query', required: false },
        description: 'Whether to tell what messages say, up to 4 KiB each.',
        schema: { type: 'boolean', default: false },
      },
    ])
  })

  const VALUES = ['a', '', 'a b', '1.*', '20m', '5%/2m', 0, 1, 65, 1.5, true, false, null, [], ['a'], [1], {}]

  it.each<[string, AnyBody]>([
    ['a target', TARGET_WISH],
    ['a level', LEVEL_WISH],
    ['a drain', DRAIN_COMMAND],
    ['a rebalance', REBALANCE_WISH],
    ['a job', JOB_WISH],
    ['a change', JOB_CHANGE],
    ['a rebalance of all', REBALANCE_ALL_WISH],
  ])('of %s refuses nothing that is read, and what it takes is refused for a form alone', (_what, body) => {
    const described = new Ajv2020({ strict: false }).compile(bodyOf(body))
    const names = [...Object.keys(body.schema.shape), 'more']
    const wish = fc.dictionary(fc.constantFrom(...names), fc.constantFrom<unknown>(...VALUES, 'debug'), {
      maxKeys: 3,
      noNullPrototype: true,
    })
    fc.assert(
      fc.property(wish, (value) => {
        const answer = read(body, value)
        if (typeof answer !== 'string') expect(described(value), JSON.stringify(value)).toBe(true)
        // Of times and plans the description says that they are texts.
        else if (!/^(?:for|deadline|plan) /.test(answer)) expect(described(value), answer).toBe(false)
      }),
    )
  })
})
