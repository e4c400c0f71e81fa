/** How everything on the page is made again and checked, and how long that takes: from what is kept of the runs. Pure. */
import { BASE_RUNS, TOLERANCE_UNKNOWN, type Base } from './committed.ts'
import type { Result } from './results.ts'

/** What `npm run bench` makes where it is not told. */
export const ROUNDS = 5

export function commandsText(results: readonly Result[], bases: Readonly<Record<string, Base>>): string {
  const round = results.reduce((sum, { tookSeconds, rounds }) => sum + tookSeconds / rounds, 0)
  const quick = Object.values(bases).reduce((sum, { tookSeconds }) => sum + tookSeconds / BASE_RUNS, 0)
  const takes =
    quick === 0
      ? ''
      : ` It took ${minutes(quick)} when they were made, and to make them (\`--accept\`) ${minutes(quick * BASE_RUNS)}.`
  return `The commands:

- \`npm run bench\` makes ${ROUNDS} rounds of everything and writes this page and its charts: some ${minutes(round * ROUNDS)}, ${minutes(round)} a round, by what the figures below took.
  \`npm run bench -- unicast --rounds 1\` makes one section in one round, \`--list\` says which there are and how long each took, and \`--page\` writes the page again from
  \`bench/results\`.
- \`npm run bench:check\` holds one quick round of each, short of what compares with nobody else, to ${BASE_RUNS} that are kept in \`bench/results/check.json\`. A row may be worse by half as much again as these
  differ among each other, which is three and a half standard deviations, and by 5 % in any case; one that is worse is run four times more, and the median decides. A row of which they are not
  kept may be worse by ${TOLERANCE_UNKNOWN * 100} % than this page. It names each row that is worse, what was expected, what was found, and how that is accepted.${takes}
`
}

function minutes(seconds: number): string {
  return `${Math.max(1, Math.round(seconds / 60))} minutes`
}
