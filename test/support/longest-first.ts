/**
 * The order in which test files begin. vitest begins with the largest ones where it does not know how long each took, but what takes
 * long here waits for servers, and is short to write: begun last, it would be waited for alone.
 */
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The beginnings of paths, the longest first; but of those that keep the machine busy two at a time. */
const LONG = [
  'test/cluster/drain.',
  'test/cluster/bad-days.',
  'test/cluster/cut-off.',
  'test/fault/vanished-clients.',
  'test/cluster/alerts-fire.',
  'test/torture/',
  'test/fault/replicas-one-way.',
  'test/cluster/runbook.',
  'test/cluster/deploy-orders.',
  'test/package/',
  'test/cluster/',
  'test/fault/',
  'test/browser/',
  'test/fuzz/',
]

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    return sorted.toSorted((one, other) => placeOf(one.moduleId) - placeOf(other.moduleId))
  }
}

function placeOf(file: string): number {
  const place = LONG.findIndex((beginning) => file.includes(`/${beginning}`))
  return place === -1 ? LONG.length : place
}
