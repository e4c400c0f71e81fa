/**
 * The part of the description of this API that is about watching: a node of the table, and the streams.
 */
import { TAIL_QUERY } from './channel-tail.ts'
import { parametersOf } from './openapi-takes.ts'

export const NODE_SCHEMA = {
  type: 'object',
  required: [
    'id',
    'version',
    'region',
    'role',
    'state',
    'startedAt',
    'connections',
    'pressure',
    'address',
    'rates',
    'degraded',
  ],
  additionalProperties: false,
  properties: {
    id: { type: 'string' },
    version: { type: 'string' },
    region: { type: 'string' },
    role: { enum: ['all', 'edge', 'api'] },
    state: { enum: ['starting', 'active', 'cordoned', 'draining', 'closing'] },
    startedAt: { type: 'integer' },
    deploy: {
      type: 'object',
      required: ['generation', 'said'],
      additionalProperties: false,
      properties: {
        generation: { type: 'integer' },
        said: {
          type: 'boolean',
          description: 'By `node.generation`; otherwise it is when the version was first seen.',
        },
      },
      description: 'Absent: not known yet.',
    },
    connections: { type: 'integer' },
    connectionsMax: { type: 'integer', description: 'Absent: no limit.' },
    offers: {
      type: 'number',
      description: 'Connections that it takes in a second. Absent: no limit.',
    },
    publicUrl: { type: 'string', description: 'Where clients reach its region.' },
    pressure: { type: 'number', minimum: 0, maximum: 1 },
    address: { type: 'string' },
    rates: {
      type: 'object',
      required: ['connects', 'published', 'delivered'],
      properties: {
        connects: { type: 'number' },
        published: { type: 'number' },
        delivered: { type: 'number' },
      },
    },
    service: {
      type: 'object',
      required: ['lagMs', 'repaired', 'replayed', 'resets'],
      additionalProperties: false,
      properties: {
        lagMs: { type: 'number', description: 'How late its event loop is.' },
        latencyMs: {
          type: 'object',
          required: ['p50', 'p99'],
          additionalProperties: false,
          properties: { p50: { type: 'number' }, p99: { type: 'number' } },
          description:
            'From the publish that was accepted to the write, over the last seconds. Absent: nothing was delivered.',
        },
        repaired: { type: 'integer', description: 'Holes that were filled from the log, since its start.' },
        replayed: { type: 'integer', description: 'Messages that clients had missed and got.' },
        resets: { type: 'integer', description: 'Clients that were told to refetch, per channel.' },
      },
      description: 'How it serves. Absent: a node of an older version.',
    },
    degraded: { type: 'array', items: { type: 'string' } },
  },
} as const

interface Words {
  readonly keyWith: (scope: 'history' | 'admin') => readonly object[]
  readonly channel: object
  readonly refused: Readonly<Record<string, object>>
}

interface StreamOperation {
  readonly summary: string
  readonly security: readonly object[]
  readonly parameters?: readonly object[]
  readonly responses: Readonly<Record<string, object>>
}

const stream = (description: string): object => ({
  description,
  content: { 'text/event-stream': { schema: { type: 'string' } } },
})
const TOO_MANY = { '429': { description: 'Too many streams are open at this node.' } }

export function streamPaths({
  keyWith,
  channel,
  refused,
}: Words): Readonly<Record<string, Readonly<Record<string, StreamOperation>>>> {
  return {
    '/v1/watch': {
      get: {
        summary: 'The cluster as it changes: server-sent events for consoles',
        security: keyWith('admin'),
        responses: {
          '200': stream(
            'First `hello`; then `cluster` (the table of nodes, the target, what is kept out) and `jobs` (those that run, as GET /v1/drains/{job} has them, and the newest that have ended), each when it has changed.',
          ),
          ...refused,
          ...TOO_MANY,
        },
      },
    },
    '/v1/channels/{channel}/tail': {
      get: {
        summary: 'The messages of a channel as they come: server-sent events',
        security: keyWith('history'),
        parameters: [channel, ...parametersOf(TAIL_QUERY)],
        responses: {
          '200': stream(
            'First `opened`; then `message` and `reset`, as clients get them. Who reads slowly is treated as `slowConsumer` of the namespace says.',
          ),
          ...refused,
          ...TOO_MANY,
        },
      },
    },
  }
}
