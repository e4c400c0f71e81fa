import { check } from './check/check.ts'
import { faultNamed } from './faults.ts'
import { readHistory } from './history.ts'
import { summarise, type Summary } from './summary.ts'

/** What a history that is on disk says. */
export async function judge(history: string): Promise<Summary> {
  const events = await readHistory(history)
  const endsDurableLogs = (fault: string): boolean => faultNamed(fault)?.endsDurableLogs === true
  return summarise(events, check(events, { endsDurableLogs }))
}
