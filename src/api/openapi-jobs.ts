/**
 * The part of the description of this API that is about drains and rebalances of the cluster.
 */
import { JOB_CHANGE, JOB_WISH, REBALANCE_ALL_WISH } from './job-wishes.ts'
import { bodyOf } from './openapi-takes.ts'
import { JOB_KINDS, JOB_NODES_MAX, JOB_PARTS, JOB_STATES } from '../drain/job.ts'
import { HOLD_REASONS } from '../protocol/states.ts'

const TEXT = { type: 'string' } as const
const COUNT = { type: 'integer', minimum: 0 } as const
const MOMENT = { type: 'number', description: 'In milliseconds since 1970, by the clock of Redis.' } as const

const PLAN = {
  type: 'string',
  description: 'Of all nodes together: `1%/5m`, `5000/30s` or a time such as `10m`.',
}
const JOB = {
  id: TEXT,
  kind: { enum: JOB_KINDS },
  state: { enum: JOB_STATES },
  by: { type: 'string', description: 'The name of the API key, or `signal`.' },
  reason: TEXT,
  what: { type: 'string', description: 'Which nodes were meant, as it was asked for.' },
  to: { type: 'string', description: 'The region that clients are sent to.' },
  target: { type: 'string', description: 'The version that clients went to when it began.' },
  at: MOMENT,
  endedAt: MOMENT,
  plan: PLAN,
  planFrom: MOMENT,
  planTold: COUNT,
  pausedAt: MOMENT,
  deadlineAt: { ...MOMENT, description: 'By then it has ended; later, by as long as it was paused.' },
  parallel: { type: 'integer', minimum: 1, description: 'So many nodes move clients at a time.' },
  now: { const: true },
}
const JOB_REQUIRED = ['id', 'kind', 'state', 'by', 'what', 'at', 'plan', 'planFrom', 'parallel', 'nodes']

const JOB_NODE = {
  id: TEXT,
  region: TEXT,
  version: TEXT,
  clients: COUNT,
  part: {
    enum: JOB_PARTS,
    description:
      '`left`: it was gone before its turn. `lost`: it died while it moved clients. `silent`: it was called, and did not answer. `stayed`: cancelled.',
  },
  since: MOMENT,
  plan: { type: 'string', description: 'Its share of the plan.' },
  share: TEXT,
  moveAt: MOMENT,
  deadlineAt: MOMENT,
  told: COUNT,
  batchAsked: COUNT,
  batchUntil: MOMENT,
}

function object(properties: object, required: readonly string[]): object {
  return { type: 'object', required, additionalProperties: false, properties }
}

function list(items: object): object {
  return { type: 'array', items, maxItems: JOB_NODES_MAX }
}

const nodes = list(object(JOB_NODE, ['id', 'region', 'version', 'clients', 'part']))

const FORECAST = object(
  {
    total: COUNT,
    takesMs: { type: 'number' },
    deadlineMs: { type: 'number' },
    takers: list(
      object({ id: TEXT, region: TEXT, version: TEXT, connections: COUNT, room: COUNT }, [
        'id',
        'region',
        'version',
        'connections',
      ]),
    ),
    inTheWay: { type: 'array', items: TEXT },
  },
  ['total', 'takesMs', 'takers', 'inTheWay'],
)

/** `counts`: what became of those who were told to go. */
export function jobSchemas(counts: object): Readonly<Record<string, object>> {
  const view = object(
    {
      ...JOB,
      nodes: list(
        object({ ...JOB_NODE, progress: { $ref: '#/components/schemas/Progress' } }, [
          'id',
          'part',
          'clients',
        ]),
      ),
      ...counts,
      transports: { type: 'object', additionalProperties: { type: 'object', properties: counts } },
      total: COUNT,
      remaining: COUNT,
      ratePerSecond: { type: 'number' },
      movesPerClient: { type: 'number' },
      holding: { type: 'string', description: 'Why nobody is asked now, by the first node that waits.' },
      elapsedMs: { type: 'number' },
      remainingMs: { type: 'number', description: 'By its plan. Absent where nothing moves.' },
      deadlineInMs: { type: 'number' },
    },
    [...JOB_REQUIRED, 'total', 'remaining', 'told', 'moved', 'transports', 'elapsedMs'],
  )
  return {
    JobList: object(
      {
        jobs: {
          type: 'array',
          items: object(
            { ...JOB, nodes: list(object({ id: TEXT, part: JOB_NODE.part }, ['id', 'part'])) },
            JOB_REQUIRED,
          ),
        },
      },
      ['jobs'],
    ),
    Job: object({ job: view }, ['job']),
    JobBegun: object(
      {
        job: { anyOf: [{ type: 'null' }, view, object({ ...JOB, nodes }, JOB_REQUIRED)] },
        forecast: FORECAST,
      },
      ['job'],
    ),
    JobWish: bodyOf(JOB_WISH),
    JobChange: bodyOf(JOB_CHANGE),
    RebalanceAllWish: bodyOf(REBALANCE_ALL_WISH),
  }
}

/** What became of those who were told to go. */
export const COUNTS = {
  told: { type: 'integer', description: 'Clients that were asked to go.' },
  moved: { type: 'integer', description: 'Clients that another node has.' },
  resumed: {
    type: 'integer',
    description: 'Of those, the ones that went on where they were in every channel.',
  },
  unseen: { type: 'integer', description: 'Clients that were told, have left, and are not seen again.' },
  forced: {
    type: 'integer',
    description: 'Clients that were closed because their time was up, and are not known to be elsewhere.',
  },
  returned: {
    type: 'integer',
    description:
      'Of those moved, the ones that were closed because their time was up, and came back by themselves.',
  },
  replayed: { type: 'integer', description: 'Messages that those who moved had to catch up on.' },
  overlapped: {
    type: 'integer',
    description:
      'Of those, the messages to clients that still had their old connection: both carried them, and the client drops one copy.',
  },
  gaps: {
    type: 'object',
    description:
      'For how long those who moved had no connection, in milliseconds; 0 where the new one came before the old one ended.',
    required: ['p50Ms', 'p95Ms', 'p99Ms', 'maxMs'],
    properties: {
      p50Ms: { type: 'number' },
      p95Ms: { type: 'number' },
      p99Ms: { type: 'number' },
      maxMs: { type: 'number' },
    },
  },
}

export const HOLD_REASON = {
  enum: HOLD_REASONS,
  description: 'The same in one word.',
} as const

const WHICH = {
  name: 'job',
  in: 'path',
  required: true,
  description: 'The id of a drain or a rebalance, or its beginning.',
  schema: TEXT,
} as const

interface Words {
  readonly answers: (description: string, schema: object) => object
  readonly refused: Readonly<Record<string, object>>
}

interface JobOperation {
  readonly summary: string
  readonly parameters?: readonly object[]
  readonly requestBody?: object
  readonly responses: Readonly<Record<string, object>>
}

type Paths = Readonly<Record<string, Readonly<Record<string, JobOperation>>>>

export function jobPaths({ answers, refused }: Words): Paths {
  const of = (name: string): object => ({ $ref: `#/components/schemas/${name}` })
  const takes = (name: string): object => ({
    required: true,
    content: { 'application/json': { schema: of(name) } },
  })
  const missing = { '404': answers('There is no such drain, or no such node.', of('Error')) }
  const tooMany = { '413': answers('Too many nodes, or too many jobs at a time.', of('Error')) }
  return {
    '/v1/drains': {
      get: {
        summary: 'The drains and rebalances that run, and those of the last day; the newest first',
        responses: { '200': answers('All of them.', of('JobList')), ...refused },
      },
      post: {
        summary:
          'Drain nodes as one job, which the cluster carries out: by their ids, of a region, of a version',
        requestBody: takes('JobWish'),
        responses: {
          '200': answers('As it begins, and what is to be expected.', of('JobBegun')),
          ...refused,
          ...missing,
          ...tooMany,
        },
      },
    },
    '/v1/drains/{job}': {
      get: {
        summary: 'How a job goes, or went: for a day, also when its nodes have gone',
        parameters: [WHICH],
        responses: { '200': answers('The job.', of('Job')), ...refused, ...missing },
      },
      post: {
        summary: 'Change a job that runs',
        parameters: [WHICH],
        requestBody: takes('JobChange'),
        responses: { '200': answers('As it goes now.', of('Job')), ...refused, ...missing },
      },
      delete: {
        summary: 'Cancel a job: the nodes that have not gone stay, and take clients again',
        parameters: [WHICH],
        responses: { '200': answers('As it went.', of('Job')), ...refused, ...missing },
      },
    },
    '/v1/rebalances': {
      post: {
        summary:
          'Move clients from nodes that have more than the average of their region to the others, as one job',
        requestBody: takes('RebalanceAllWish'),
        responses: {
          '200': answers('As it begins; `null`: they have about the same number.', of('JobBegun')),
          ...refused,
          ...tooMany,
        },
      },
    },
  }
}
