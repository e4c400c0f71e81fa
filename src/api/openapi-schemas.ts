/**
 * What requests and answers of the API consist of, for its description (JSON Schema, as OpenAPI 3.1 has it).
 */
import { DRAIN_COMMAND, REBALANCE_WISH } from './drain.ts'
import { COUNTS, HOLD_REASON } from './openapi-jobs.ts'
import { BESIDE_PUBLISHED, BESIDE_READ, PRESENCE_READ } from './openapi-metadata.ts'
import { bodyOf } from './openapi-takes.ts'
import { NODE_SCHEMA } from './openapi-watch.ts'
import { TARGET_WISH } from './orders.ts'
import { USER_LENGTH_MAX } from '../auth/identity.ts'
import { CHANNEL_LENGTH_MAX } from '../protocol/channel.ts'

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

export const CHANNEL_FORM = { type: 'string', minLength: 1, maxLength: CHANNEL_LENGTH_MAX } as const
export const USER_FORM = { type: 'string', minLength: 1, maxLength: USER_LENGTH_MAX } as const

export const SCHEMAS = {
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
      channel: CHANNEL_FORM,
      channels: { type: 'array', items: CHANNEL_FORM, minItems: 1 },
      user: USER_FORM,
      users: { type: 'array', items: USER_FORM, minItems: 1 },
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
  RebalanceWish: bodyOf(REBALANCE_WISH),
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
  TargetWish: bodyOf(TARGET_WISH),
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
  DrainCommand: bodyOf(DRAIN_COMMAND),
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

export type SchemaName = keyof typeof SCHEMAS

export function ref(name: SchemaName): object {
  return { $ref: `#/components/schemas/${name}` }
}
