import { describeConfig } from '#runtime/config.ts'
import type { Command } from '../command.ts'

export const configCommand: Command = {
  name: 'config',
  usage: 'config',
  summary: 'Lists every setting, its default and its meaning.',
  async run() {
    console.log(describeConfig())
    return 0
  },
}
