import { expect, it } from 'vitest'
import { barLine, forecastLines, headLines, progressLine, reportLines } from '../../../src/cli/drain-view.ts'
import { movesPerClientOf, viewOf, type JobView } from '../../../src/drain/job-view.ts'
import type { DrainProgress } from '../../../src/drain/drain.ts'
import type { Job, JobNode } from '../../../src/drain/job.ts'

const COUNTS = {
  told: 10,
  moved: 10,
  resumed: 9,
  returned: 3,
  forced: 1,
  unseen: 0,
  replayed: 7,
  overlapped: 2,
}
const DELAYS = { deregisterMs: 1000, graceMs: 1000, closeSpreadMs: 1000 }

function progressOf(more: Partial<DrainProgress> = {}): DrainProgress {
  return {
    state: 'gone',
    plan: '5m',
    total: 10,
    ...COUNTS,
    transports: {},
    remaining: 0,
    elapsedMs: 4000,
    ratePerSecond: 0,
    ...more,
  }
}

function jobOf(parts: readonly Partial<JobNode>[], more: Partial<Job> = {}): Job {
  return {
    id: 'drain-1',
    kind: 'drain',
    state: 'running',
    by: 'ops',
    what: 'region eu',
    at: 0,
    plan: '5m',
    planFrom: 0,
    planTold: 0,
    parallel: 1,
    nodes: parts.map((part, index) => ({
      id: `n${index + 1}`,
      region: 'eu',
      version: '1',
      clients: 10,
      part: 'gone',
      ...part,
    })),
    ...more,
  }
}

function view(
  job: Job,
  said: Readonly<Record<string, DrainProgress>>,
  gone: readonly string[] = [],
): JobView {
  const outcomes = new Map(
    Object.entries(said).map(([node, progress]) => [node, { job: job.id, node, at: 0, progress }]),
  )
  return viewOf(job, outcomes, { nowMs: 4000, delays: DELAYS, here: (id) => !gone.includes(id) })
}

const cellsOf = (lines: readonly string[]): string[][] => lines.map((line) => line.trim().split(/ {2,}/))

it('a report has a row for each node and for all, and under each one for each transport', () => {
  const gaps = { p50Ms: 1, p95Ms: 2, p99Ms: 3, maxMs: 4 }
  const websocket = { ...COUNTS, told: 4 }
  const job = jobOf([{}, {}, { part: 'left' }], { endedAt: 4000, state: 'done' })
  const shown = view(job, {
    n1: progressOf({ gaps, transports: { websocket, sse: { ...COUNTS, told: 6, gaps } } }),
    n2: progressOf({ transports: { websocket } }),
  })
  const cells = cellsOf(reportLines(shown))
  const rest = ['10', '9', '3', '1', '0', '-', '-', '-', '-', '7', '2']
  const twice = ['20', '18', '6', '2', '0', '-', '-', '-', '-', '14', '4']
  expect(cells.slice(1)).toEqual([
    [
      'n1',
      'eu',
      '1',
      'gone',
      '10',
      '10',
      '10',
      '9',
      '3',
      '1',
      '0',
      '1ms',
      '2ms',
      '3ms',
      '4ms',
      '7',
      '2',
      '4s',
    ],
    ['websocket', '4', ...rest],
    ['sse', '6', '10', '9', '3', '1', '0', '1ms', '2ms', '3ms', '4ms', '7', '2'],
    ['n2', 'eu', '1', 'gone', '10', '10', ...rest, '4s'],
    ['websocket', '4', ...rest],
    ['n3', 'eu', '1', 'left', '10'],
    ['all', 'done', '30', '20', '20', '18', '6', '2', '0', '1ms', '2ms', '3ms', '4ms', '14', '4', '4s'],
    ['websocket', '8', ...twice],
    ['sse', '6', '10', '9', '3', '1', '0', '1ms', '2ms', '3ms', '4ms', '7', '2'],
  ])
  expect(cells[0]).toHaveLength(18)
  expect(headLines(view({ ...job, reason: 'a test', target: '2' }, {}))).toEqual([
    'drain-1: drain of region eu, done',
    'by ops (a test), 1970-01-01T00:00:00.000Z to 1970-01-01T00:00:04.000Z',
    'plan 5m, 1 node at a time, clients go to 2',
  ])
})

it('a bar and a line say how far all nodes are, how long it takes, and what holds it up', () => {
  const job = jobOf([{}, { part: 'moving' }, { part: 'waiting' }], { plan: '20s' })
  const moving = progressOf({ state: 'moving', remaining: 5, ratePerSecond: 1.5, remainingMs: 2000 })
  const shown = view(job, { n1: progressOf(), n2: moving })
  expect(barLine(shown)).toBe(
    'drain-1 [############            ] running, 15 of 30 left on 2 of 3 nodes, 1.5/s, about 15s',
  )
  const held = view(job, { n1: progressOf(), n2: { ...moving, holding: 'node b queues connections' } })
  expect(progressLine(held)).toBe(
    'drain-1 waits: node n2: node b queues connections, 15 of 30 left on 2 of 3 nodes, 1.5/s; ' +
      '20 told, 20 moved, 6 returned, 2 closed, 0 not seen; plan 20s',
  )
})

it('a node that nobody leads, and that has died meanwhile, is lost', () => {
  const job = jobOf([{ part: 'moving' }])
  expect(view(job, {}, ['n1']).nodes).toMatchObject([{ part: 'lost' }])
  expect(view(job, {}).nodes).toMatchObject([{ part: 'moving' }])
})

it('a forecast says who goes where, how long it takes, and what is in the way', () => {
  const forecast = {
    total: 20,
    takesMs: 90_000,
    deadlineMs: 600_000,
    takers: [{ id: 'n9', region: 'us', version: '2', connections: 7, room: 3 }],
    inTheWay: ['the others have room for 3 of the 20 connections'],
  }
  expect(forecastLines(jobOf([{}, {}]), forecast)).toEqual([
    'drain of region eu: 20 clients of 2 nodes, 1 at a time, plan 5m',
    '  n1 eu 1: 10 clients',
    '  n2 eu 1: 10 clients',
    'to',
    '  n9 us 2: has 7, room for 3',
    'about 90s; by 10m whoever is left is closed',
    'in the way: the others have room for 3 of the 20 connections',
  ])
})

const moved = (id: string, more: Partial<DrainProgress> = {}): { id: string; progress: DrainProgress } => ({
  id,
  progress: progressOf(more),
})

it('who was moved to a node that was drained later is one client moved twice', () => {
  expect(movesPerClientOf([moved('n1')])).toBe(1)
  expect(movesPerClientOf([moved('n1'), moved('n2', { movedFrom: { n1: 10 } })])).toBe(2)
  expect(movesPerClientOf([moved('n1'), moved('n2', { movedFrom: { n1: 5 } })])).toBe(1.33)
})

it('who was moved here by a drain of another day is moved for the first time', () => {
  expect(movesPerClientOf([moved('n2', { movedFrom: { n1: 10 } })])).toBe(1)
})

it('a drain of nobody has no moves per client', () => {
  expect(movesPerClientOf([moved('n1', { told: 0, moved: 0 })])).toBeUndefined()
})
