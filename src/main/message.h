/*
 * message.h: the verb "postern message": what the mail parser makes of a file.
 */
#pragma once

/* argv[0] is "message". Returns the exit status. */
int main_message(int argc, char **argv);
