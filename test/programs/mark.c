/* Does nothing: its exec and exit events, with their argument, mark a moment in the stream of events. */

int main(void)
{
	return 0;
}
