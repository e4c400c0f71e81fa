/**
 * What is asked for of jobs of the cluster: drains of several nodes, and clients moved from full nodes to emptier ones.
 */
import * as z from 'zod'
import { Body, field, maybe, time } from './takes.ts'
import { VERSION_PATTERN, VERSION_PATTERN_RULE } from '../cluster/orders.ts'
import { isPlan, PLAN_RULE } from '../config/drain-plan.ts'
import { LABEL } from '../config/forms.ts'
import { DURATION } from '../config/units.ts'
import { REASON_LENGTH_MAX } from '../drain/job.ts'

export const JOB_EXAMPLE = '{"region":"eu","plan":"1%/5m","parallel":2}'

const PARALLEL_MAX = 64
const PARALLEL_RULE = `must be a whole number from 1 to ${PARALLEL_MAX}`

export const JOB_WISH = new Body(JOB_EXAMPLE, () =>
  z.strictObject({
    nodes: maybe(
      z.array(z.string().min(1)).min(1),
      'must be a list of ids, or of their beginnings',
      'Ids, or their beginnings.',
    ),
    region: label(),
    version: maybe(
      z.string().regex(VERSION_PATTERN),
      `is ${VERSION_PATTERN_RULE}`,
      'With `*` for anything: `1.4.*`.',
    ),
    plan: plan(),
    parallel: field(parallel().default(1), PARALLEL_RULE),
    deadline: maybe(
      time(z.string().regex(DURATION), 1000),
      'must be a time from 1s on, such as 20m',
      'From its beginning, such as `20m`.',
    ),
    to: label('The region that clients are sent to.'),
    reason: reason(),
    cordon: flag('They stay out, also when they are started again.'),
    finish: flag('All nodes at once, and everybody now.'),
    dryRun: dryRun(),
  }),
)

export const JOB_CHANGE = new Body('{"paused":true}', () =>
  z.strictObject({
    plan: plan(),
    paused: maybe(z.boolean(), 'must be true or false'),
    parallel: maybe(parallel(), PARALLEL_RULE),
    finish: flag(),
  }),
)

export const REBALANCE_ALL_WISH = new Body('{"plan":"5m"}', () =>
  z.strictObject({ region: label(), plan: plan(), reason: reason(), dryRun: dryRun() }),
)

function label(description?: string) {
  return maybe(z.string().regex(LABEL), 'must be a text of 1 to 64 of A-Z a-z 0-9 _ . + -', description)
}

function plan() {
  return maybe(
    z.string().refine(isPlan),
    `must be ${PLAN_RULE}`,
    'Of all nodes together: `1%/5m`, `5000/30s` or a time such as `10m`.',
  )
}

function parallel() {
  return z.int().min(1).max(PARALLEL_MAX)
}

function reason() {
  return maybe(
    z.string().min(1).max(REASON_LENGTH_MAX),
    `must be a text of 1 to ${REASON_LENGTH_MAX} characters`,
    'For the log and the report.',
  )
}

function flag(description?: string) {
  return maybe(z.literal(true), 'must be true, or be left out', description)
}

function dryRun() {
  return flag('Says what would be done, and does nothing.')
}
