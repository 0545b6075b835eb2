/** Commands in a plugin's configuration: lists of words, so that no shell ever reads them. */
import { z } from 'zod';

const Word = z.string().refine((word) => !word.includes('\0'), 'a word of a command cannot hold a NUL character');

/** `[notesctl, flush]` */
export const Command = z
  .tuple([Word.min(1, 'a command begins with the name of a program')], Word)
  .describe('A command as a list of words: [notesctl, flush]. No shell reads it');

/** `[[notesctl, flush], [sync]]`: run one after the other. */
export const Commands = z.array(Command).default([]);
