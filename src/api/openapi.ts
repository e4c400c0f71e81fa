/**
 * The description of this API for programs: OpenAPI 3.1. test/protocol/api.test.ts holds every operation of it against
 * real answers.
 */
import { readFileSync } from 'node:fs'
import { COUNTS, HOLD_REASON, jobPaths, jobSchemas } from './openapi-jobs.ts'
import { BESIDE_PUBLISHED, BESIDE_READ, PRESENCE_READ } from './openapi-metadata.ts'
import { API_LIFE, markedPaths } from './life.ts'
import { sightPaths } from './openapi-sight.ts'
import { NODE_SCHEMA, streamPaths } from './openapi-watch.ts'
import type { Scope } from '../auth/grant.ts'

interface Operation {
  readonly summary: string
  readonly parameters?: readonly object[]
  readonly requestBody?: object
  readonly responses: Readonly<Record<string, object>>
  readonly security?: readonly object[]
}

const NO_KEY: readonly object[] = []

/** The role that the key needs (OpenAPI 3.1, "Security Requirement Object"). */
function keyWith(scope: Scope): readonly object[] {
  return [{ bearer: [scope] }, { apiKey: [scope] }]
}

const SCHEMAS = {
  Position: {
    type: 'object',
    required: ['epoch', 'offset'],
    additionalProperties: false,
    properties: { epoch: { type: 'string' }, offset: { type: 'integer', minimum: 0 } },
  },
  Error: {
    type: 'object',
    required: ['error'],
    additionalProperties: false,
    properties: {
      error: {
        type: 'object',
        required: ['code', 'message'],
        additionalProperties: false,
        properties: {
          code: {
            enum: [
              'bad_request',
              'unauthorized',
              'forbidden',
              'not_found',
              'limit_exceeded',
              'rate_limited',
              'unavailable',
              'internal',
            ],
          },
          message: { type: 'string' },
        },
      },
    },
  },
  Message: {
    description: 'Exactly one of channel, channels, user and users.',
    type: 'object',
    required: ['data'],
    additionalProperties: false,
    properties: {
      channel: { type: 'string', maxLength: 128 },
      channels: { type: 'array', items: { type: 'string', maxLength: 128 }, minItems: 1 },
      user: { type: 'string', maxLength: 256 },
      users: { type: 'array', items: { type: 'string', maxLength: 256 }, minItems: 1 },
      data: { description: 'Any JSON; base64 text where encoding is base64.' },
      ...BESIDE_PUBLISHED,
    },
  },
  Published: {
    description: 'The position is absent on an ephemeral channel.',
    type: 'object',
    additionalProperties: false,
    properties: {
      epoch: { type: 'string' },
      offset: { type: 'integer', minimum: 0 },
      duplicate: { const: true },
      degraded: { const: true, description: 'Some subscribers get it later, by repair.' },
    },
  },
  Result: {
    description: '`results` where the message named several channels or users, in their order.',
    anyOf: [
      { $ref: '#/components/schemas/Published' },
      { $ref: '#/components/schemas/Error' },
      {
        type: 'object',
        required: ['results'],
        additionalProperties: false,
        properties: {
          results: {
            type: 'array',
            items: {
              anyOf: [{ $ref: '#/components/schemas/Published' }, { $ref: '#/components/schemas/Error' }],
            },
          },
        },
      },
    ],
  },
  Channel: {
    type: 'object',
    required: ['channel', 'subscribers'],
    additionalProperties: false,
    properties: {
      channel: { type: 'string' },
      position: { $ref: '#/components/schemas/Position' },
      subscribers: {
        type: 'object',
        required: ['local', 'cluster'],
        additionalProperties: false,
        properties: {
          local: { type: 'integer' },
          cluster: { type: 'integer' },
          silent: {
            type: 'array',
            items: { type: 'string' },
            description: 'Nodes that did not answer, and are not counted.',
          },
        },
      },
      ...PRESENCE_READ,
    },
  },
  Messages: {
    type: 'object',
    required: ['messages', 'head'],
    additionalProperties: false,
    properties: {
      messages: {
        type: 'array',
        items: {
          type: 'object',
          required: ['type', 'channel', 'offset', 'time', 'data'],
          additionalProperties: false,
          properties: {
            type: { const: 'message' },
            channel: { type: 'string' },
            offset: { type: 'integer' },
            ...BESIDE_READ,
            time: { type: 'integer', description: 'Milliseconds since 1970.' },
            ack: { const: true },
            encoding: { const: 'base64' },
            data: {},
          },
        },
      },
      reset: {
        enum: ['gap', 'epoch', 'trimmed'],
        description: 'The messages after the position are not all there.',
      },
      head: { $ref: '#/components/schemas/Position' },
    },
  },
  User: {
    type: 'object',
    required: ['user', 'sessions'],
    additionalProperties: false,
    properties: {
      user: { type: 'string' },
      sessions: {
        type: 'array',
        items: {
          type: 'object',
          required: ['session', 'node'],
          additionalProperties: false,
          properties: { session: { type: 'string' }, node: { type: 'string' } },
        },
      },
    },
  },
  Nodes: {
    type: 'object',
    required: ['nodes'],
    additionalProperties: false,
    properties: {
      stale: {
        const: true,
        description: 'The registry does not answer, and this is what the node that was asked knew last.',
      },
      nodes: {
        type: 'array',
        items: NODE_SCHEMA,
      },
    },
  },
  Progress: {
    type: 'object',
    required: [
      'state',
      'plan',
      'total',
      'told',
      'moved',
      'resumed',
      'unseen',
      'forced',
      'returned',
      'replayed',
      'overlapped',
      'transports',
      'remaining',
      'elapsedMs',
      'ratePerSecond',
    ],
    properties: {
      state: { enum: ['waiting', 'moving', 'paused', 'closing', 'gone', 'cancelled'] },
      holding: { type: 'string', description: 'Why nobody is asked now.' },
      holdReason: HOLD_REASON,
      plan: { type: 'string' },
      total: { type: 'integer', description: 'So many are to go.' },
      ...COUNTS,
      transports: {
        type: 'object',
        description: 'The same by transport: `websocket`, `sse`, `poll`.',
        additionalProperties: { type: 'object', properties: COUNTS },
      },
      movedFrom: {
        type: 'object',
        additionalProperties: { type: 'integer' },
        description: 'Of those told, how many drains of other nodes had moved here before, by node.',
      },
      remaining: { type: 'integer', description: 'Still to go.' },
      elapsedMs: { type: 'number' },
      ratePerSecond: { type: 'number' },
      remainingMs: { type: 'number' },
      to: { type: 'string', description: 'The region that clients are sent to.' },
      deadlineInMs: {
        type: 'number',
        description: 'By then everybody has gone, or is closed. Absent where a part is moved.',
      },
    },
  },
  Drain: movement('drain'),
  Rebalance: movement('rebalance'),
  RebalanceWish: {
    type: 'object',
    required: ['count'],
    additionalProperties: false,
    properties: {
      count: { type: 'integer', minimum: 1, description: 'So many clients are moved.' },
      plan: { type: 'string' },
    },
  },
  Target: {
    type: 'object',
    required: ['target'],
    additionalProperties: false,
    properties: {
      target: {
        type: ['object', 'null'],
        required: ['version', 'by', 'at', 'over'],
        properties: {
          version: { type: 'string' },
          by: { type: 'string', description: 'The name of the API key.' },
          at: { type: 'integer', description: 'Milliseconds since 1970.' },
          over: { type: 'object', description: 'The latest deploy that there was.' },
        },
      },
    },
  },
  TargetWish: {
    type: 'object',
    required: ['version'],
    additionalProperties: false,
    properties: { version: { type: 'string' } },
  },
  Cordons: {
    type: 'object',
    required: ['cordons'],
    additionalProperties: false,
    properties: {
      cordons: {
        type: 'array',
        items: {
          type: 'object',
          required: ['kind', 'what', 'by', 'at'],
          properties: {
            kind: { enum: ['version', 'address'] },
            what: { type: 'string' },
            by: { type: 'string', description: 'The name of the API key.' },
            at: { type: 'integer', description: 'Milliseconds since 1970.' },
          },
        },
      },
    },
  },
  DrainCommand: {
    type: 'object',
    additionalProperties: false,
    properties: {
      plan: { type: 'string', description: '`5%/2m`, `5000/30s`, a total time such as `5m`, or `fast`.' },
      paused: { type: 'boolean' },
      finish: { const: true, description: 'Everybody now.' },
      to: { type: 'string', description: 'The region that clients are sent to; its nodes say where it is.' },
    },
  },
  Verdict: {
    type: 'object',
    required: ['ok', 'reason'],
    additionalProperties: false,
    properties: { ok: { type: 'boolean' }, reason: { type: 'string' } },
  },
  DeepHealth: {
    type: 'object',
    required: ['status', 'state', 'checkedAt', 'parts'],
    properties: {
      status: { enum: ['ok', 'degraded', 'failing'] },
      state: { enum: ['starting', 'active', 'cordoned', 'draining', 'closing'] },
      checkedAt: { type: 'integer' },
      parts: {
        type: 'object',
        additionalProperties: {
          type: 'object',
          required: ['status', 'since'],
          properties: {
            status: { enum: ['ok', 'degraded', 'failing'] },
            detail: { type: 'string' },
            since: { type: 'integer' },
          },
        },
      },
    },
  },
} as const

type SchemaName = keyof typeof SCHEMAS

function ref(name: SchemaName): object {
  return { $ref: `#/components/schemas/${name}` }
}

function answers(description: string, schema: object): object {
  return { description, content: { 'application/json': { schema } } }
}

const REFUSED = {
  '400': answers('The request is not what this takes.', ref('Error')),
  '401': answers('The API key is missing or wrong.', ref('Error')),
  '403': answers('The API key has another scope, or is limited to other namespaces.', ref('Error')),
  '503': answers(
    'A part that this needs cannot be reached; try again after `Retry-After` seconds.',
    ref('Error'),
  ),
}

const WORDS = { answers, refused: REFUSED }

function parameter(name: string, where: 'path' | 'query', description: string): object {
  return { name, in: where, required: where === 'path', description, schema: { type: 'string' } }
}

const NO_SUCH_NODE = { '404': answers('There is no such node, or no drain under way.', ref('Error')) }

const NODE_ID = {
  name: 'node',
  in: 'path',
  required: true,
  description: 'The id of a node, or its beginning.',
  schema: { type: 'string' },
} as const

const CORDONED = [
  parameter('kind', 'path', '`node`, `address` or `version`.'),
  parameter(
    'what',
    'path',
    'The id of a node or its beginning, `host:port`, or a version with `*` for anything.',
  ),
]
const USER = parameter('user', 'path', 'The `sub` of the tokens, percent-encoded.')
const CHANNEL = parameter('channel', 'path', 'The channel, percent-encoded.')
const MAYBE_LATE = {
  const: true,
  description:
    'Some node may not have been told; it finds this in the registry, which it looks into by itself.',
} as const

const PATHS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  '/v1/publish': {
    post: {
      summary: 'Publish one message, or an array of them',
      security: keyWith('publish'),
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema: { anyOf: [ref('Message'), { type: 'array', items: ref('Message'), minItems: 1 }] },
          },
        },
      },
      responses: {
        '200': answers('A result for each message, in order.', {
          anyOf: [ref('Result'), { type: 'array', items: ref('Result') }],
        }),
        '404': answers('A node of the role `edge` takes no messages here.', ref('Error')),
        '413': answers('The body, a payload or the number of messages is over its limit.', ref('Error')),
        ...REFUSED,
      },
    },
  },
  '/v1/channels/{channel}': {
    get: {
      summary: 'The position of a channel, and how many are subscribed',
      security: keyWith('history'),
      parameters: [CHANNEL],
      responses: {
        '200': answers('The channel; one that was never used has nobody on it.', ref('Channel')),
        ...REFUSED,
      },
    },
  },
  '/v1/channels/{channel}/messages': {
    get: {
      summary: 'The messages that the log has of a channel, oldest first',
      security: keyWith('history'),
      parameters: [
        CHANNEL,
        parameter('after', 'query', '`<epoch>:<offset>`: the messages after this position.'),
        parameter('last', 'query', 'So many of the newest messages.'),
        parameter('limit', 'query', 'At most so many, 100 where it is not given.'),
      ],
      responses: { '200': answers('The messages.', ref('Messages')), ...REFUSED },
    },
  },
  '/v1/users/{user}': {
    get: {
      summary: 'Where a user is connected',
      parameters: [USER],
      responses: { '200': answers('The sessions.', ref('User')), ...REFUSED },
    },
  },
  '/v1/users/{user}/sessions': {
    delete: {
      summary: 'End every connection of a user (4403)',
      parameters: [USER],
      responses: {
        '200': answers('How many there were.', {
          type: 'object',
          required: ['disconnected'],
          additionalProperties: false,
          properties: { disconnected: { type: 'integer' }, degraded: MAYBE_LATE },
        }),
        ...REFUSED,
      },
    },
  },
  '/v1/users/{user}/revoke': {
    post: {
      summary:
        'Revoke the tokens of a user that were issued until now; who is connected with one is closed (4401)',
      parameters: [USER],
      responses: {
        '200': answers('The moment, in milliseconds since 1970.', {
          type: 'object',
          required: ['user', 'before'],
          additionalProperties: false,
          properties: { user: { type: 'string' }, before: { type: 'integer' }, degraded: MAYBE_LATE },
        }),
        ...REFUSED,
      },
    },
  },
  '/v1/nodes': {
    get: {
      summary: 'The live nodes',
      responses: { '200': answers('The table of nodes.', ref('Nodes')), ...REFUSED },
    },
  },
  '/v1/target': {
    get: {
      summary: 'The version that clients go to, where operators have set one',
      responses: { '200': answers('The target, or none.', ref('Target')), ...REFUSED },
    },
    put: {
      summary: 'Set the version that clients go to: a rollback. It holds until a later deploy comes',
      requestBody: { required: true, content: { 'application/json': { schema: ref('TargetWish') } } },
      responses: { '200': answers('The target.', ref('Target')), ...REFUSED },
    },
    delete: {
      summary: 'Clients go to what was deployed last again',
      responses: {
        '200': answers('None.', ref('Target')),
        '404': answers('None was set.', ref('Error')),
        ...REFUSED,
      },
    },
  },
  '/v1/cordons': {
    get: {
      summary: 'What is kept out',
      responses: { '200': answers('All of it.', ref('Cordons')), ...REFUSED },
    },
  },
  '/v1/cordons/{kind}/{what}': {
    put: {
      summary: 'Keep nodes out, also when they are started again',
      parameters: CORDONED,
      responses: {
        '200': answers('What is kept out.', ref('Cordons')),
        '404': answers('There is no such node.', ref('Error')),
        ...REFUSED,
      },
    },
    delete: {
      summary: 'Let them in again',
      parameters: CORDONED,
      responses: {
        '200': answers('What is still kept out.', ref('Cordons')),
        '404': answers('It was not kept out.', ref('Error')),
        ...REFUSED,
      },
    },
  },
  '/v1/nodes/{node}/drain': {
    get: {
      summary: 'How the drain of a node goes; asked at any node',
      parameters: [NODE_ID],
      responses: {
        '200': answers('The drain that runs, or the last one.', ref('Drain')),
        ...REFUSED,
        ...NO_SUCH_NODE,
      },
    },
    post: {
      summary:
        'Move the clients of a node to the others, or change how that is done; the node stops when it is empty',
      parameters: [NODE_ID],
      requestBody: {
        required: false,
        content: { 'application/json': { schema: ref('DrainCommand') } },
      },
      responses: { '200': answers('As it goes now.', ref('Drain')), ...REFUSED, ...NO_SUCH_NODE },
    },
    delete: {
      summary: 'Cancel the drain: the node stays, and takes clients again',
      parameters: [NODE_ID],
      responses: { '200': answers('As it went.', ref('Drain')), ...REFUSED, ...NO_SUCH_NODE },
    },
  },
  '/v1/nodes/{node}/rebalance': {
    get: {
      summary: 'How it goes to move a part of the clients of a node; asked at any node',
      parameters: [NODE_ID],
      responses: { '200': answers('As it goes, or went.', ref('Rebalance')), ...REFUSED, ...NO_SUCH_NODE },
    },
    post: {
      summary: 'Move a part of the clients of a node to nodes that have fewer; the node stays',
      parameters: [NODE_ID],
      requestBody: { required: true, content: { 'application/json': { schema: ref('RebalanceWish') } } },
      responses: { '200': answers('As it goes.', ref('Rebalance')), ...REFUSED, ...NO_SUCH_NODE },
    },
    delete: {
      summary: 'Move no more',
      parameters: [NODE_ID],
      responses: { '200': answers('As it went.', ref('Rebalance')), ...REFUSED, ...NO_SUCH_NODE },
    },
  },
  '/livez': probe('Whether the event loop is alive: where it is not, restart the process'),
  '/readyz': probe('Whether new connections are welcome; what a load balancer asks'),
  '/health': probe('The same as /readyz, for load balancers that know this name only'),
  '/startupz': probe('Whether the node has ever been ready'),
  '/healthz/deep': {
    get: {
      summary: 'How each part is, for people and alerts; never for a load balancer',
      security: NO_KEY,
      responses: { '200': answers('The parts.', ref('DeepHealth')) },
    },
  },
  '/metrics': {
    get: {
      summary: 'The metrics page for Prometheus',
      security: NO_KEY,
      responses: {
        '200': {
          description: 'Text format 0.0.4.',
          content: { 'text/plain': { schema: { type: 'string' } } },
        },
      },
    },
  },
  '/openapi.json': {
    get: {
      summary: 'This document',
      security: NO_KEY,
      responses: { '200': answers('OpenAPI 3.1.', { type: 'object', required: ['openapi', 'paths'] }) },
    },
  },
  '/asyncapi.json': {
    get: {
      summary: 'What clients speak',
      security: NO_KEY,
      responses: { '200': answers('AsyncAPI 3.0.', { type: 'object', required: ['asyncapi', 'channels'] }) },
    },
  },
}

function probe(summary: string): Readonly<Record<string, Operation>> {
  return {
    get: {
      summary,
      security: NO_KEY,
      responses: { '200': answers('Yes.', ref('Verdict')), '503': answers('No, and why.', ref('Verdict')) },
    },
  }
}

/** The version of this package; the file is two folders up from src/api as from dist/api. */
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

export function openApi(): object {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Sluice: the API for backends and operators',
      version,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: 'http://127.0.0.1:8081' }],
    // `admin` is enough for everything.
    security: keyWith('admin'),
    paths: markedPaths(
      {
        ...PATHS,
        ...jobPaths(WORDS),
        ...sightPaths({ ...WORDS, user: USER, node: NODE_ID, noSuchNode: NO_SUCH_NODE }),
        ...streamPaths({ keyWith, channel: CHANNEL, parameter, refused: REFUSED }),
      },
      API_LIFE,
    ),
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
      },
      schemas: { ...SCHEMAS, ...jobSchemas(COUNTS) },
    },
  }
}

/** Of a node, under a name: `null` where there was none. */
function movement(name: string): object {
  return {
    type: 'object',
    required: ['node', name],
    additionalProperties: false,
    properties: {
      node: { type: 'string' },
      [name]: { anyOf: [{ type: 'null' }, { $ref: '#/components/schemas/Progress' }] },
    },
  }
}
