import { expect, it } from 'vitest'
import { movesPerClient, reportLines, type DrainedNode } from '../../../src/cli/drain-view.ts'
import type { DrainProgress } from '../../../src/drain/drain.ts'

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

function drained(id: string, more: Partial<DrainProgress> = {}): DrainedNode {
  const drain: DrainProgress = {
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
  return { id, region: '', version: '1', drain }
}

it('a report has a row for each node, and under it one for each transport', () => {
  const gaps = { p50Ms: 1, p95Ms: 2, p99Ms: 3, maxMs: 4 }
  const lines = reportLines([
    drained('n1', {
      gaps,
      transports: { websocket: { ...COUNTS, told: 4 }, sse: { ...COUNTS, told: 6, gaps } },
    }),
  ])
  const cells = lines.map((line) => line.trim().split(/ {2,}/))
  expect(cells.slice(1)).toEqual([
    ['n1', '1', 'gone', '10', '10', '10', '9', '3', '1', '0', '1ms', '2ms', '3ms', '4ms', '7', '2', '4s'],
    ['websocket', '4', '10', '9', '3', '1', '0', '-', '-', '-', '-', '7', '2'],
    ['sse', '6', '10', '9', '3', '1', '0', '1ms', '2ms', '3ms', '4ms', '7', '2'],
  ])
  expect(cells[0]).toHaveLength(17)
})

it('who was moved to a node that was drained later is one client moved twice', () => {
  expect(movesPerClient([drained('n1')])).toBe(1)
  expect(movesPerClient([drained('n1'), drained('n2', { movedFrom: { n1: 10 } })])).toBe(2)
  expect(movesPerClient([drained('n1'), drained('n2', { movedFrom: { n1: 5 } })])).toBe(1.33)
})

it('who was moved here by a drain of another day is moved for the first time', () => {
  expect(movesPerClient([drained('n2', { movedFrom: { n1: 10 } })])).toBe(1)
})

it('a drain of nobody has no moves per client', () => {
  expect(movesPerClient([drained('n1', { told: 0, moved: 0 })])).toBeUndefined()
})
