/**
 * The description of this API for programs: OpenAPI 3.1. test/protocol/api.test.ts holds every operation of it against
 * real answers.
 */
import { readFileSync } from 'node:fs'
import { MESSAGES_QUERY } from './channels.ts'
import { COUNTS, jobPaths, jobSchemas } from './openapi-jobs.ts'
import { CHANNEL_FORM, ref, SCHEMAS, USER_FORM } from './openapi-schemas.ts'
import { API_LIFE, markedPaths } from './life.ts'
import { sightPaths } from './openapi-sight.ts'
import { parametersOf } from './openapi-takes.ts'
import { standingPaths } from './openapi-users.ts'
import { webhookPaths } from './openapi-webhooks.ts'
import { streamPaths } from './openapi-watch.ts'
import { CORDON_KINDS } from './orders.ts'
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

function parameter(name: string, description: string, schema: object = { type: 'string' }): object {
  return { name, in: 'path', required: true, description, schema }
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
  parameter('kind', 'How it says what is kept out.', { enum: CORDON_KINDS }),
  parameter('what', 'The id of a node or its beginning, `host:port`, or a version with `*` for anything.'),
]
const USER = parameter('user', 'The `sub` of the tokens, percent-encoded.', USER_FORM)
const CHANNEL = parameter('channel', 'The channel, percent-encoded.', CHANNEL_FORM)
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
      parameters: [CHANNEL, ...parametersOf(MESSAGES_QUERY)],
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

/** The same at each call. */
export function openApi(): object {
  return (document ??= made())
}

let document: object | undefined

function made(): object {
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
        ...webhookPaths({ ...WORDS, user: USER }),
        ...standingPaths({ ...WORDS, user: USER, keyWith, maybeLate: MAYBE_LATE }),
        ...sightPaths({ ...WORDS, user: USER, node: NODE_ID, noSuchNode: NO_SUCH_NODE }),
        ...streamPaths({ keyWith, channel: CHANNEL, refused: REFUSED }),
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
