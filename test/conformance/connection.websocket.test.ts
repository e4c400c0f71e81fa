import { describeConnection } from './connection.suite.ts'
import { sluiceRig } from '../support/sluice-rig.ts'

describeConnection('WebSocketConnection', sluiceRig)
