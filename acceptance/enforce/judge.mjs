// Reads one simulation a line and answers each on a line of its own, in order. An
// error of the judge is an answer too: nothing is left out.
import { createInterface } from 'node:readline'
import { runSimulation } from '@cloud-copilot/iam-simulate'

async function judge(line) {
  const result = await runSimulation(JSON.parse(line), {})
  if (result.resultType === 'error') return { error: JSON.stringify(result.errors) }
  return { answer: result.overallResult, ignored: result.result?.ignoredContextKeys ?? [] }
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer
  try {
    answer = await judge(line)
  } catch (e) {
    answer = { error: String(e?.stack ?? e) }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
