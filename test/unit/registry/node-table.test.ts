import { expect, it } from 'vitest'
import { NodeTable } from '../../../src/registry/node-table.ts'

const OPTIONS = { nodeTtlMs: 10_000, sessionTtlMs: 60_000, sessionsPerUserMax: 10 }
const READ_MS = 5000

it('a table does not judge an entry that is not older, of a node that it does not have', () => {
  const table = new NodeTable(['known', `${READ_MS} 0 {}`], READ_MS, 0, OPTIONS)
  const tooOld = (node: string, sinceMs: number): boolean =>
    table.tooOldFor({ connected: true, node, sinceMs })
  expect([READ_MS - 1, READ_MS, READ_MS + 1].map((sinceMs) => tooOld('new', sinceMs))).toEqual([
    false,
    true,
    true,
  ])
  expect(tooOld('known', READ_MS + 1)).toBe(false)
})
