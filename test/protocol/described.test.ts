/**
 * What the document says that an operation takes, against the node that takes it. Two readers are written by hand: that of publishes, which is
 * called thousands of times a second, and that of channels for a user, which the door of NATS has as well.
 */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startNode, type StartedNode } from '../support/start-node.ts'

let node: StartedNode
let document: Document
let described: (name: string) => ValidateFunction

interface Schema {
  readonly $ref?: string
  readonly type?: string
  readonly maximum?: number
  readonly properties?: object
}

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[]
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: Schema } } }
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

function operations(): readonly (readonly [method: string, path: string, Operation])[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [method.toUpperCase(), path, operation] as const),
  )
}

function resolved(schema: Schema): Schema {
  const name = schema.$ref?.split('/').at(-1)
  return name === undefined ? schema : (document.components.schemas[name] as Schema)
}

function asked(method: string, path: string, body?: unknown): Promise<Response> {
  return fetch(`http://127.0.0.1:${node.apiPort}${path}`, {
    method,
    headers: { authorization: `Bearer ${node.apiKey}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

beforeAll(async () => {
  node = await startNode({ limits: { publishBatch: 5 } })
  document = (await (await fetch(`http://127.0.0.1:${node.apiPort}/openapi.json`)).json()) as Document
  const ajv = new Ajv2020({ strict: false })
  ajv.addSchema({ $id: 'api', ...document }, 'api')
  described = (pointer) => ajv.compile({ $ref: `api#${pointer}` })
})
afterAll(() => node.close())

interface Refused {
  readonly error?: { readonly message: string }
}

/** Why it is; `undefined`: it is taken. */
async function refusal(path: string, body: unknown): Promise<string | undefined> {
  const response = await asked('POST', path, body)
  const text = await response.text()
  expect([200, 400], text).toContain(response.status)
  const { error, results = [] } = JSON.parse(text) as Refused & { readonly results?: readonly Refused[] }
  // Of several channels or users each has a result of its own.
  return (error ?? results[0]?.error)?.message
}

/** Of each value of `each`, in place of what a good request has there. */
function changed(good: object, each: Readonly<Record<string, readonly unknown[]>>): readonly object[] {
  return Object.entries(each).flatMap(([name, values]) => values.map((value) => ({ ...good, [name]: value })))
}

const SUBSCRIBE = '/v1/users/ann/subscribe'

/** What JSON Schema has no words for, by how the refusal begins. */
const UNSAID = [
  /^exactly one of channel, channels, user and users /,
  /^data must be base64 /,
  /^(?:event|headers|id) must be /,
  /^user must be /,
  /^channel is not valid: /,
  / is no name of a channel: /,
]

const VALUES: Readonly<Record<string, readonly unknown[]>> = {
  channel: ['a', 'c'.repeat(128), 'c'.repeat(129), '', '@a', 'a..b', 7, null, ['a']],
  user: ['u', 'ü/ser', 'u'.repeat(256), 'u'.repeat(257), '', 'a\nb', 7],
  channels: [['a'], ['a', 'b'], [], 'a', [1], {}],
  users: [['u'], ['u', 'v'], [], 'u', [null]],
  data: [1, 'text', null, {}, [], 'AAA='],
  id: ['i', 'i'.repeat(128), 'i'.repeat(129), '', 7, 'a\nb'],
  encoding: ['base64', 'hex', null, ''],
  event: ['paid', 'e'.repeat(200), 'e'.repeat(201), '', ' e', 7, 'ü'.repeat(101)],
  headers: [
    {},
    { a: 'b' },
    { a: 1 },
    { '': 'b' },
    { 'a b': 'c' },
    { a: ' b' },
    { a: 'b'.repeat(1024) },
    Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`h${index}`, 'x'])),
    [],
    'a',
  ],
  exclude: ['s', 's'.repeat(128), 's'.repeat(129), '', 'a b', 7],
  more: [1],
}

async function agrees(pointer: string, path: string, body: unknown): Promise<void> {
  const isDescribed = described(pointer)(body)
  const refused = await refusal(path, body)
  const shown = `${JSON.stringify(body)}: ${refused ?? 'taken'}`
  if (refused === undefined) expect(isDescribed, shown).toBe(true)
  else if (!UNSAID.some((rule) => rule.test(refused))) expect(isDescribed, shown).toBe(false)
}

describe('what the document says of a message', () => {
  const MESSAGE = '/components/schemas/Message'

  it.each([
    ...changed({ channel: 'a', data: 1 }, { ...VALUES, user: [], channels: [], users: [] }),
    ...changed(
      { data: 1 },
      { user: VALUES['user'] ?? [], channels: VALUES['channels'] ?? [], users: VALUES['users'] ?? [] },
    ),
    { channel: 'a' },
    [],
    'a',
    null,
  ])('is what is taken: %j', (message) => agrees(MESSAGE, '/v1/publish', message))

  it('is what is taken, whatever stands beside what', async () => {
    const [names, values] = [Object.keys(VALUES), VALUES]
    const entry = fc
      .constantFrom(...names)
      .chain((name) => fc.tuple(fc.constant(name), fc.constantFrom(...(values[name] ?? []))))
    const message = fc.array(entry, { maxLength: 5 }).map((entries) => Object.fromEntries(entries) as unknown)
    await fc.assert(
      fc.asyncProperty(message, (body) => agrees(MESSAGE, '/v1/publish', body)),
      { numRuns: 300 },
    )
  })

  it('leaves nothing unsaid that is never refused', async () => {
    const refusals = new Set<string>()
    for (const body of [
      { data: 1 },
      { channel: 'a', data: '?', encoding: 'base64' },
      { channel: 'a', data: 1, event: ' e' },
      { user: 'a\nb', data: 1 },
      { channel: '@a', data: 1 },
    ]) {
      expect(described(MESSAGE)(body), JSON.stringify(body)).toBe(true)
      refusals.add((await refusal('/v1/publish', body)) ?? '')
    }
    refusals.add((await refusal(SUBSCRIBE, { channels: ['@a'] })) ?? '')
    for (const rule of UNSAID)
      expect(
        [...refusals].some((one) => rule.test(one)),
        String(rule),
      ).toBe(true)
  })
})

describe('what the document says of channels for a user', () => {
  const pointer = [
    ...['paths', '/v1/users/{user}/subscribe', 'post'],
    ...['requestBody', 'content', 'application/json', 'schema'],
  ]
    .map((part) => `/${encodeURIComponent(part.replaceAll('/', '~1'))}`)
    .join('')

  it.each([
    ...changed(
      { channels: ['a'] },
      {
        channels: [
          ['a', 'b'],
          [],
          'a',
          [1],
          ['@a'],
          [''],
          ['c'.repeat(129)],
          Array.from({ length: 101 }, (_, index) => `c${index}`),
        ],
        session: ['s', 's'.repeat(64), 's'.repeat(65), '', 'a b', 7, null],
        more: [1],
      },
    ),
    {},
  ])('is what is taken: %j', (wish) => agrees(pointer, SUBSCRIBE, wish))
})

describe('of every operation', () => {
  const path = (named: string): string =>
    named
      .replace('{user}', 'ann')
      .replace('{channel}', 'a')
      .replace('{node}', node.id)
      .replace('{job}', 'drain-1')
  const bodied = (): readonly (readonly [string, string, Schema])[] =>
    operations().flatMap(([method, named, { requestBody }]) => {
      const schema = requestBody?.content['application/json'].schema
      return schema === undefined || named === '/v1/publish' ? [] : [[method, named, resolved(schema)]]
    })

  it('the fields of its body are those that are described', async () => {
    expect(bodied().map(([method, named]) => `${method} ${named}`)).toHaveLength(9)
    for (const [method, named, { properties = {} }] of bodied()) {
      const response = await asked(method, path(named), { 'no field': 1 })
      expect(await response.json(), `${method} ${named}`).toEqual({
        error: {
          code: 'bad_request',
          message: `"no field" is not a field; the fields are ${Object.keys(properties).join(', ')}`,
        },
      })
    }
  })

  it('a number of its query is at most what is described', async () => {
    const numbers = operations().flatMap(([method, named, { parameters = [] }]) =>
      parameters
        .filter(({ in: where, schema }) => where === 'query' && schema.type === 'integer')
        .map(({ name, schema }) => [method, named, name, schema.maximum] as const),
    )
    expect(numbers.map(([, named, name]) => `${named} ${name}`)).toEqual([
      '/v1/channels/{channel}/messages last',
      '/v1/channels/{channel}/messages limit',
      '/v1/webhooks/dead limit',
      '/v1/channels limit',
      '/v1/users/{user}/trace events',
      '/v1/channels/{channel}/tail last',
    ])
    for (const [method, named, name, max = 0] of numbers) {
      const response = await asked(method, `${path(named)}?${name}=${max + 1}`)
      const { error } = (await response.json()) as Refused
      expect(error?.message, named).toMatch(new RegExp(`^${name} .* from 1 to ${max}$`))
    }
  })
})
