/* nothing: the program that is executed when the cost of an exec is measured. */
int main(void)
{
	return 0;
}
