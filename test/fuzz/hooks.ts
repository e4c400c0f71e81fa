/**
 * What a backend answers that has a say in who comes in: whatever it is, it is an answer with patterns or none, and no answer opens what
 * neither the token nor the configuration does.
 */
import { json as someJson, mutated } from './hostile.ts'
import { Broken, type Target } from './targets.ts'
import { PatternPermissions } from '../../src/auth/permissions.ts'
import { Grants } from '../../src/webhooks/granted.ts'
import { answerIn } from '../../src/webhooks/hook-answer.ts'

const ANSWER =
  '{"allow":true,"reason":"no","ttl":5,"permissions":{"subscribe":["*"],"publish":["a*"],"history":[]}}'
const TOKEN = new PatternPermissions(['a'], [], [])
const GRANTS = new Grants(new PatternPermissions(['b'], [], []))

export const hooks: Target[] = [
  {
    name: 'answers of a backend that has a say',
    share: 1,
    run(random) {
      const text = random.oneIn(5) ? someJson(random) : mutated(random, ANSWER)
      const answer = answerIn(text)
      if (answer === undefined) return 'refused'
      const kept = answerIn(JSON.stringify(answer))
      if (JSON.stringify(kept) !== JSON.stringify(answer)) throw new Broken('it is read as it is kept')
      const permissions = GRANTS.of(answer)?.over(TOKEN) ?? TOKEN
      if (permissions.maySubscribe('c') || permissions.maySubscribe('@ann') || permissions.mayPublish('a'))
        throw new Broken('it opens nothing beyond the token and the configuration')
      return 'decoded'
    },
  },
]
