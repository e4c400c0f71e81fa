/**
 * What bounds one user, and the memory of all, beside what bounds one connection or one channel.
 */
import type { Rule } from './rules.ts'
import { sizeText } from './units.ts'

/** So many tails of the largest size have room at least: one busy channel must not take it from all others. */
export const TAILS_IN_MEMORY_MIN = 4

export const QUOTA_RULES: readonly Rule[] = [
  {
    says: '`limits.subscriptionsPerUser` is 0 or at least `limits.subscriptions` and `limits.channelsPerStream`: one connection may use what one connection is allowed.',
    broken({ limits }, where) {
      const { subscriptionsPerUser: perUser } = limits
      if (perUser === 0) return undefined
      const one = (['subscriptions', 'channelsPerStream'] as const).find((key) => limits[key] > perUser)
      if (one === undefined) return undefined
      return `${where('limits', 'subscriptionsPerUser')} is ${perUser}, but must be 0 or at least ${where('limits', one)}, which is ${limits[one]}`
    },
  },
  {
    says: `\`feeds.memory\` is 0 or at least ${TAILS_IN_MEMORY_MIN} times \`feeds.tailBytes\`: one busy channel must not push out all others.`,
    broken({ feeds: { memory, tailBytes } }, where) {
      if (memory === 0 || memory >= tailBytes * TAILS_IN_MEMORY_MIN) return undefined
      return `${where('feeds', 'memory')} is ${sizeText(memory)}, but must be 0 or at least ${TAILS_IN_MEMORY_MIN} times ${where('feeds', 'tailBytes')}, which is ${sizeText(tailBytes)}`
    },
  },
  {
    says: '`feeds.memory` is less than `admission.maxMemory`: what is kept for readers must not by itself keep newcomers out.',
    broken({ feeds: { memory }, admission: { maxMemory } }, where) {
      if (memory === 0 || maxMemory === 0 || memory < maxMemory) return undefined
      return `${where('feeds', 'memory')} is ${sizeText(memory)}, but must be less than ${where('admission', 'maxMemory')}, which is ${sizeText(maxMemory)}`
    },
  },
]
